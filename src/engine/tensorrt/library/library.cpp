#include "engine/tensorrt/library/library.h"

#include <fmt/format.h>

#include <map>
#include <mutex>

#include "core/memory_error.h"
#include "core/text.h"
#include "peregrine/error.h"

namespace peregrine::tensorrt {

namespace {

using Number = std::int32_t();

DynamicLibrary open(const std::filesystem::path& file) {
  try {
    return DynamicLibrary::load_file(file);
  } catch (const Error& error) {
    // Later versions need nothing beside themselves.
    const bool needs_others = file.filename().native().find(".so.8") != std::string::npos;
    throw Error("environment.tensorrt", error.sentence(),
                needs_others
                    ? "Install it again with what TensorRT 8 needs: cuDNN 8 and the cuBLAS of its CUDA "
                      "(nvidia-cudnn-cu11 and nvidia-cublas-cu11 for the wheel of 8.5); or name another "
                      "one with --tensorrt."
                    : "Install it again, or name another one with --tensorrt.");
  }
}

std::int32_t number_of(const DynamicLibrary& library, const char* symbol) {
  if (auto* number = reinterpret_cast<Number*>(library.find(symbol))) return number();
  throw Error("environment.tensorrt",
              fmt::format("{} is no library of TensorRT.", printable(library.path().native())),
              supported_versions);
}

/// Of the file that has TensorRT's plugins.
std::string plugins_name(const Version& version) {
  return fmt::format("libnvinfer_plugin.so.{}", version.major);
}

}  // namespace

Version read_version(const std::filesystem::path& library) {
  const Version version = version_of(number_of(open(library), "getInferLibVersion"));
  if (!slots_of(version))
    throw Error(
        "environment.tensorrt",
        fmt::format("{} is {}, which is not supported.", printable(library.native()), to_string(version)),
        supported_versions);
  return version;
}

Library::Library(const LibraryFiles& files)
    : library_(open(files.library)),
      version_number_(number_of(library_, "getInferLibVersion")),
      version_(read_version(files.library)),
      slots_(slots_of(version_)),
      logger_(std::make_unique<Logger>(version_.flavour == Flavour::tensorrt && version_.major < 11)) {
  if (files.parser.empty())
    throw Error("environment.tensorrt",
                fmt::format("{} has no ONNX parser beside it.", printable(files.library.native())),
                version_.flavour == Flavour::rtx
                    ? "libtensorrt_onnxparser_rtx.so.1 belongs into the same folder."
                    : "Install libnvonnxparsers8, 10 or 11, whichever fits.");
  parser_ = open(files.parser);
  parser_number_ = number_of(parser_, "getNvOnnxParserVersion");
  if (version_.flavour == Flavour::tensorrt) register_plugins(files.plugins);
}

void Library::register_plugins(const std::filesystem::path& file) {
  if (file.empty()) {
    plugins_missing_ =
        fmt::format("There is no {} beside {}.", plugins_name(version_), printable(library_.path().native()));
    return;
  }
  try {
    plugins_ = DynamicLibrary::load_file(file);
    constexpr const char* every_namespace = "";
    if (plugins_.get<bool(void*, const char*)>("initLibNvInferPlugins")(logger_->object(), every_namespace))
      return;
    plugins_missing_ = fmt::format("{} did not register its plugins.", printable(file.native()));
  } catch (const Error& error) {
    plugins_missing_ = error.sentence();
  }
}

const Library& loaded(const LibraryFiles& files) {
  static std::mutex mutex;
  static auto& all =
      *new std::map<std::string, std::unique_ptr<Library>>;  // outlives whatever still holds its objects
  const std::scoped_lock lock(mutex);
  std::unique_ptr<Library>& library =
      all[files.library.native() + '\n' + files.parser.native() + '\n' + files.plugins.native()];
  if (!library) library = std::make_unique<Library>(files);
  return *library;
}

std::string Library::parser_version() const {
  return fmt::format("{}.{}.{}", parser_number_ / 10000, parser_number_ / 100 % 100, parser_number_ % 100);
}

void* Library::create_builder() const {
  return library_.get<void*(void*, std::int32_t)>("createInferBuilder_INTERNAL")(logger_->object(),
                                                                                 version_number_);
}

void* Library::create_runtime() const {
  return library_.get<void*(void*, std::int32_t)>("createInferRuntime_INTERNAL")(logger_->object(),
                                                                                 version_number_);
}

void* Library::create_parser(void* network) const {
  return parser_.get<void*(void*, void*, std::int32_t)>("createNvOnnxParser_INTERNAL")(
      network, logger_->object(), parser_number_);
}

namespace {

std::string words_of(const Library& library) {
  const std::vector<std::string> errors = library.logger().reasons();
  return errors.empty() ? "it gives no reason" : fmt::format("{}", fmt::join(errors, " | "));
}

}  // namespace

void throw_if_memory_ran_out(const Library& library, const std::string& what, const std::string& hint) {
  const std::string words = words_of(library);
  if (!speaks_of_memory(words)) return;
  throw Error("device.memory",
              fmt::format("{} could not {}: memory ran out ({}).", to_string(library.version()), what, words),
              hint);
}

bool lacks_plugins(const Library& library, std::string_view words) {
  return !library.plugins_missing().empty() &&
         (words.find("plugin") != words.npos || words.find("Plugin") != words.npos);
}

std::string how_to_get_plugins(const Library& library) {
  return fmt::format(
      "Put {} of the same version beside {}, or pass --engine cuda with the model's checkpoint.",
      plugins_name(library.version()), printable(library.path().filename().native()));
}

void throw_its_words(const Library& library, const std::string& what, const std::string& code,
                     const std::string& hint) {
  const std::string words = words_of(library);
  if (lacks_plugins(library, words))
    throw Error(code,
                fmt::format("{} could not {}: {}{} {}", to_string(library.version()), what, words,
                            words.ends_with('.') ? "" : ".", library.plugins_missing()),
                how_to_get_plugins(library));
  throw Error(code,
              fmt::format("{} could not {}: {}{}", to_string(library.version()), what, words,
                          words.ends_with('.') ? "" : "."),
              hint);
}

void throw_failure(const Library& library, const std::string& what, const std::string& code,
                   const std::string& hint) {
  throw_if_memory_ran_out(
      library, what,
      "Free memory on the GPU (nvidia-smi shows who holds it), or use a smaller batch or image size.");
  throw_its_words(library, what, code, hint);
}

}  // namespace peregrine::tensorrt
