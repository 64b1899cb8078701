// Exports a model as an ONNX file that other programs read (`peregrine export`).
#pragma once

#include <filesystem>
#include <optional>

#include "formats/model.h"

namespace peregrine::onnx {

struct ExportOptions {
  DType precision = DType::f16;  ///< f32 or f16, from input to output
  std::optional<int> batch = 1;  ///< none: any batch
  int height = 0, width = 0;     ///< pixels; 0: the model's own
  bool decoded = false;          ///< boxes and scores in Ultralytics' layout instead of the raw head
};

/// Writes the file whole or not at all. Its outputs are named as in graph/head.h, or "output0" and "output1"
/// when decoded; its metadata have Ultralytics' keys. Throws Error "model.shape" when the model cannot take
/// the size, "model.head" when a raw head is wanted of a file that decodes it, "model.precision",
/// "model.unsupported" (writer.h) and "output.write".
void export_model(const Model& model, const ExportOptions& options, const std::filesystem::path& path);

}  // namespace peregrine::onnx
