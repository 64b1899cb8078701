#include <fmt/format.h>

#include <fstream>
#include <new>
#include <span>
#include <vector>

#include "core/sha256.h"
#include "core/text.h"
#include "formats/advice.h"
#include "formats/foreign_checkpoint.h"
#include "formats/model.h"
#include "formats/onnx/read/reader.h"
#include "formats/osnet/osnet_model.h"
#include "formats/torch/checkpoint.h"
#include "formats/ultralytics/engine_file.h"
#include "formats/ultralytics/ultralytics_model.h"
#include "peregrine/error.h"

namespace peregrine {

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

Bytes read_file(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) throw Error("model.missing", "the file does not exist", "Check the path.");
  if (!fs::is_regular_file(path, error))
    throw Error("model.unreadable", "it is not a file", "Give a .pt, .pth or .onnx file.");
  std::ifstream stream(path, std::ios::binary);
  const auto size = fs::file_size(path, error);
  Bytes bytes(error ? 0 : static_cast<std::size_t>(size));
  if (error || !stream ||
      !stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())))
    throw Error("model.unreadable", "the file cannot be read", "Check its permissions.");
  return bytes;
}

bool begins_with(std::span<const std::byte> file, std::string_view text) {
  return file.size() >= text.size() &&
         std::equal(text.begin(), text.end(), reinterpret_cast<const char*>(file.data()));
}

Error unknown_kind(std::span<const std::byte> file) {
  if (begins_with(file, "version https://git-lfs"))
    return {"model.unknown", "the file is only a pointer of Git LFS",
            "Fetch the real file with 'git lfs pull'."};
  if (begins_with(file, "<"))
    return {"model.unknown", "the file is a web page", "The download went wrong: fetch the file itself."};
  return {"model.unknown", "the file is no model that Peregrine knows", advice::known_files};
}

Model read_checkpoint(std::span<const std::byte> file, ModelInfo info) {
  torch::Checkpoint checkpoint(file);
  if (ultralytics::is_ultralytics(checkpoint.root()))
    return ultralytics::read_model(std::move(checkpoint), std::move(info));
  const auto state = osnet::StateDict::find(checkpoint.root());
  if (state && osnet::is_osnet(*state)) return osnet::read_model(std::move(checkpoint), std::move(info));
  throw foreign_checkpoint(*checkpoint.document());
}

Model read_known_kind(std::span<const std::byte> file, ModelInfo info,
                      const std::optional<TaskHint>& expected) {
  if (torch::is_zip(file) || torch::is_legacy(file)) return read_checkpoint(file, std::move(info));
  if (ultralytics::is_engine_file(file))
    return ultralytics::read_engine_file(file, std::move(info));  // may begin as ONNX does
  if (onnx::is_onnx(file)) return onnx::read_model(file, std::move(info), expected);
  throw unknown_kind(file);
}

/// Readers do not know what the file is called, and quote names that it contains.
template <class Read>
auto naming(const std::string& name, Read read) {
  try {
    return read();
  } catch (const Error& error) {
    throw Error(error.code(),
                fmt::format("{}: {}{}", printable(name), printable(error.sentence()),
                            error.sentence().ends_with('.') ? "" : "."),
                error.hint());
  } catch (const std::bad_alloc&) {
    throw Error("model.size", fmt::format("{}: the model needs more memory than there is.", printable(name)),
                "Free some memory or raise the limit (ulimit -v); a file that should not be that large is "
                "not to be trusted.");
  }
}

}  // namespace

graph::Graph Model::graph(const InputShape& shape) const {
  return naming(info_.name, [&] { return factory_(shape); });
}

namespace {

Model read_expecting(std::span<const std::byte> file, const std::string& name,
                     const std::optional<TaskHint>& expected) {
  return naming(name, [&] {
    if (file.empty()) throw Error("model.empty", "the file is empty", "Copy or download it again.");
    ModelInfo info;
    info.name = printable(fs::path(name).filename().string());
    info.sha256 = sha256_hex(file);
    return read_known_kind(file, std::move(info), expected);
  });
}

Model load_expecting(const fs::path& path, const std::optional<TaskHint>& expected) {
  const Bytes file = naming(path.string(), [&] { return read_file(path); });
  Model model = read_expecting(file, path.string(), expected);
  model.set_origin(path, printable(path.native()));
  return model;
}

}  // namespace

void require_told_task(const ModelInfo& info, const std::optional<TaskHint>& told) {
  if (!told) return;
  constexpr const char* hint = "Leave out --task: the file says what it is.";
  if (told->task != info.task)
    throw Error("usage.task",
                fmt::format("{} is a {} model, and not the {} model that --task says.", info.name,
                            to_string(info.task), to_string(told->task)),
                hint);
  if (told->keypoints > 0 && (told->keypoints != info.keypoints || told->keypoint_dims != info.keypoint_dims))
    throw Error("usage.task",
                fmt::format("{} has {} keypoints of {} numbers, and not those of --task {}.", info.name,
                            info.keypoints, info.keypoint_dims, to_string(*told)),
                hint);
}

Model read_model(std::span<const std::byte> file, const std::string& name,
                 const std::optional<TaskHint>& told) {
  Model model = read_expecting(file, name, told);
  require_told_task(model.info(), told);
  return model;
}

Model load_model(const fs::path& path, const std::optional<TaskHint>& told) {
  Model model = load_expecting(path, told);
  require_told_task(model.info(), told);
  return model;
}

Model load_model_expecting(const fs::path& path, const TaskHint& expected) {
  return load_expecting(path, expected);
}

}  // namespace peregrine
