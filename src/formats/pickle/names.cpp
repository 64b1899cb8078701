#include "formats/pickle/names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>

namespace peregrine::pickle {

namespace {

constexpr std::string_view packages[] = {"torch", "ultralytics", "numpy", "collections", "pathlib",
                                         "datetime",
                                         // Detectors and ReID networks that are told apart by their names
                                         // (foreign_checkpoint.cpp), and what they save beside.
                                         "models", "utils", "yolov6", "yolox", "torchreid", "torchvision",
                                         "timm", "easydict", "yacs", "omegaconf", "__main__"};

/// Of the standard library: what opens files and connections, starts programs or makes code.
constexpr std::string_view hostile[] = {"",          "os",         "posix",     "nt",
                                        "sys",       "subprocess", "builtins",  "__builtin__",
                                        "shutil",    "socket",     "importlib", "imp",
                                        "runpy",     "pty",        "pickle",    "_pickle",
                                        "cPickle",   "marshal",    "ctypes",    "code",
                                        "codeop",    "codecs",     "commands",  "webbrowser",
                                        "urllib",    "urllib2",    "http",      "requests",
                                        "ftplib",    "smtplib",    "telnetlib", "tempfile",
                                        "io",        "_io",        "asyncio",   "signal",
                                        "threading", "_thread",    "platform",  "timeit",
                                        "pdb",       "bdb",        "cProfile",  "profile",
                                        "trace",     "doctest",    "unittest",  "pip",
                                        "distutils", "setuptools", "pkgutil",   "zipfile",
                                        "zipimport", "inspect",    "operator",  "_operator",
                                        "types",     "glob",       "fileinput", "linecache",
                                        "site",      "venv",       "ensurepip", "antigravity",
                                        "idlelib",   "gc",         "sqlite3",   "multiprocessing",
                                        "concurrent"};

constexpr std::array<std::string_view, 18> builtins{
    "getattr", "set", "frozenset", "list",  "tuple",     "dict",   "int",   "float", "complex",
    "bool",    "str", "unicode",   "bytes", "bytearray", "object", "slice", "range", "long"};

template <class Names>
bool contains(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

/// "Detect.forward" leads through a class; "os.system" would lead out of the package.
bool leads_through_classes(std::string_view name) {
  for (std::size_t dot; (dot = name.find('.')) != std::string_view::npos; name.remove_prefix(dot + 1))
    if (dot == 0 || !std::isupper(static_cast<unsigned char>(name.front()))) return false;
  return !name.empty();
}

bool is_known(std::string_view package, std::string_view module, std::string_view name) {
  if (contains(packages, package)) return true;
  if (module == "builtins" || module == "__builtin__") return contains(builtins, name);
  if (module == "argparse") return name == "Namespace";
  if (module == "types") return name == "SimpleNamespace";
  // Bytes and plain objects as older protocols spell them.
  if (module == "_codecs") return name == "encode";
  if (module == "copyreg" || module == "copy_reg") return name == "_reconstructor";
  return false;
}

}  // namespace

Origin origin_of(std::string_view module, std::string_view name) {
  const std::string_view package = module.substr(0, module.find('.'));
  if (!leads_through_classes(name)) return Origin::hostile;
  if (is_known(package, module, name)) return Origin::known;
  return contains(hostile, package) ? Origin::hostile : Origin::unknown;
}

}  // namespace peregrine::pickle
