// Reads model files: a Model has its ModelInfo and makes its graph for any input size. Nothing above it knows
// file formats.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "graph/graph.h"
#include "peregrine/model_info.h"

namespace peregrine {

struct InputShape {
  int batch = 1, height = 640, width = 640;  ///< height and width: multiples of the largest stride
};

class Model {
 public:
  /// Builds the graph for one input shape, FP32, batch-norm folded, outputs named as in graph/head.h.
  using GraphFactory = std::function<graph::Graph(const InputShape&)>;

  Model(ModelInfo info, GraphFactory factory, std::filesystem::path origin = {})
      : info_(std::move(info)), factory_(std::move(factory)), origin_(std::move(origin)) {}

  const ModelInfo& info() const noexcept { return info_; }
  /// What it was read from; empty for a file in memory.
  const std::filesystem::path& origin() const noexcept { return origin_; }
  /// `shown`: the same as valid UTF-8, for info().
  void set_origin(std::filesystem::path origin, std::string shown) {
    origin_ = std::move(origin);
    info_.path = std::move(shown);
  }
  /// Throws Error "model.shape" naming the file when the model cannot take that shape.
  graph::Graph graph(const InputShape& shape) const;

 private:
  ModelInfo info_;
  GraphFactory factory_;
  std::filesystem::path origin_;
};

/// Reads a .pt/.pth checkpoint (Ultralytics or OSNet) or an .onnx file; the kind is told by content, not
/// by name. `told` is the user's word on what the model is, for a file that does not say it. Throws Error of
/// family "model" naming the file, "model.task" where neither the file nor `told` says what it is;
/// "usage.task" where the file says otherwise.
Model load_model(const std::filesystem::path& path, const std::optional<TaskHint>& told = {});
/// The same where the file's word goes before what is expected of it: it is the caller's to judge what was
/// read.
Model load_model_expecting(const std::filesystem::path& path, const TaskHint& expected);
/// load_model() for a file in memory, which is not needed afterwards; `name` is how messages call it.
Model read_model(std::span<const std::byte> file, const std::string& name,
                 const std::optional<TaskHint>& told = {});

/// Throws Error "usage.task" where a model is not what the user says.
void require_told_task(const ModelInfo& info, const std::optional<TaskHint>& told);

}  // namespace peregrine
