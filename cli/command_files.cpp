#include "command_files.h"

#include <fmt/format.h>

#include "stages/source/source.h"
#include "stages/source/video/video.h"

namespace peregrine::cli {

namespace fs = std::filesystem;

OutputGuard guard_of(const CommonFlags& common) {
  begin_log(common);
  OutputGuard guard;
  guard.reads(common.config.value_or("peregrine.toml"), "the settings file");
  return guard;
}

void add_models(OutputGuard& guard, const std::vector<fs::path>& models) {
  for (const fs::path& model : models) guard.reads(model, "the model");
}

void add_sources(OutputGuard& guard, const std::vector<std::string>& sources) {
  std::error_code error;
  for (const std::string& source : sources)  // also one that only lists others
    if (fs::is_regular_file(source, error)) guard.reads(source, "the source");
  for (const source::Item& item : source::expand(sources).items)
    if (!item.error && !source::is_stream(item.path.native())) guard.reads(item.path, "the source");
}

void add_data_set(OutputGuard& guard, const fs::path& folder) {
  if (folder.empty()) return;
  for (const char* part : {"annotations", "val2017", "query", "gallery"})
    guard.reads(folder / part, "the data set's");
}

void add_settings(OutputGuard& guard, const Settings& settings) {
  if (!settings.store.empty())
    for (const char* part : {"format", "current", "engines", "generations", "backups"})
      guard.reads(settings.store / part, "the store's");
  std::error_code error;
  if (fs::is_regular_file(settings.tensorrt, error)) guard.reads(settings.tensorrt, "TensorRT's library");
}

fs::path AnnotatedNames::next(const fs::path& source, bool video) {
  std::string stem = source.stem().string();
  if (stem.empty() || stem == "-") stem = "stream";
  const bool png = source.extension() == ".png" || source.extension() == ".PNG";
  const char* extension = video ? ".mp4" : png ? ".png" : ".jpg";
  std::string name;
  do {
    const int seen = ++seen_[stem];
    name = stem + (seen > 1 ? fmt::format("_{}", seen) : "") + extension;
  } while (!used_.insert(name).second);
  return folder_ / name;
}

}  // namespace peregrine::cli
