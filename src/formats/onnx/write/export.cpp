#include "formats/onnx/write/export.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "core/os/output_file.h"
#include "core/task/task_traits.h"
#include "formats/onnx/decode_head.h"
#include "formats/onnx/python_literal.h"
#include "formats/onnx/write/writer.h"
#include "graph/passes.h"
#include "peregrine/error.h"
#include "peregrine/version.h"

namespace peregrine::onnx {

namespace {

std::string python_bool(bool value) { return value ? "True" : "False"; }

/// Ultralytics' keys, but for the date (the same model gives the same file), the licence and its address (not
/// ours to say).
std::map<std::string, std::string> metadata_of(const ModelInfo& info, const ExportOptions& options,
                                               const InputShape& shape) {
  std::map<std::string, std::string> metadata{
      {"author", "Peregrine"},
      {"batch", fmt::format("{}", options.batch.value_or(1))},
      {"channels", "3"},
      {"description", fmt::format("{} ({}) from {}", info.architecture, to_string(info.task), info.name)},
      {"imgsz", fmt::format("[{}, {}]", shape.height, shape.width)},
      {"task", to_string(info.task)},
      {"version", version},
      {"args",
       fmt::format("{{'batch': {}, 'half': {}, 'dynamic': {}, 'nms': False}}", options.batch.value_or(1),
                   python_bool(options.precision == DType::f16), python_bool(!options.batch))}};
  if (traits_of(info).embeds) return metadata;
  metadata.insert({{"end2end", "False"},
                   {"head", traits_of(info).head_class},
                   {"names", print_names(info.class_names)},
                   {"stride", fmt::format("{}", info.strides.empty() ? 32 : info.strides.back())}});
  if (traits_of(info).keypoints)
    metadata.insert({"kpt_shape", fmt::format("[{}, {}]", info.keypoints, info.keypoint_dims)});
  return metadata;
}

}  // namespace

void export_model(const Model& model, const ExportOptions& options, const std::filesystem::path& path) {
  const ModelInfo& info = model.info();
  if (info.head == HeadLayout::decoded && !options.decoded)
    throw Error("model.head",
                fmt::format("{}: the file decodes its head; the raw one cannot be had.", info.name),
                "Export with the decoded head, or from the checkpoint.");
  const InputShape shape{.batch = options.batch.value_or(open_batch_stand_in),
                         .height = options.height > 0 ? options.height : info.image_height,
                         .width = options.width > 0 ? options.width : info.image_width};
  graph::Graph graph = model.graph(shape);
  if (options.decoded && !traits_of(info).embeds) decode_head(graph, info);
  graph::run_passes(graph);
  const WriteOptions write{.precision = options.precision,
                           .open_batch = !options.batch,
                           .metadata = metadata_of(info, options, shape)};
  std::string bytes;
  try {
    bytes = serialize(graph, write);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}.", info.name, error.sentence()), error.hint());
  }
  write_file(path, bytes);
}

}  // namespace peregrine::onnx
