#include "model/pickle/names.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace peregrine::pickle {

namespace {

constexpr std::array<std::string_view, 6> packages{"torch", "ultralytics", "numpy", "collections", "pathlib", "datetime"};

constexpr std::array<std::string_view, 18> builtins{"getattr", "set",       "frozenset", "list",  "tuple", "dict",
                                                    "int",     "float",     "complex",   "bool",  "str",   "unicode",
                                                    "bytes",   "bytearray", "object",    "slice", "range", "long"};

template <class Names>
bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// "Detect.forward" leads through a class; "os.system" would lead out of the package.
bool leads_through_classes(std::string_view name) {
  for (std::size_t dot; (dot = name.find('.')) != std::string_view::npos; name.remove_prefix(dot + 1))
    if (dot == 0 || !std::isupper(static_cast<unsigned char>(name.front()))) return false;
  return !name.empty();
}

}  // namespace

bool allowed(std::string_view module, std::string_view name) {
  if (!leads_through_classes(name)) return false;
  if (contains(packages, module.substr(0, module.find('.')))) return true;
  if (module == "builtins" || module == "__builtin__") return contains(builtins, name);
  // Bytes and plain objects as older protocols spell them.
  if (module == "_codecs") return name == "encode";
  if (module == "copyreg" || module == "copy_reg") return name == "_reconstructor";
  return false;
}

}  // namespace peregrine::pickle
