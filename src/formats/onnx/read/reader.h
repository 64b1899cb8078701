// ONNX files: those that Ultralytics exports (YOLOv8, YOLO11: detect, pose, segment; decoded head), OSNet
// exports, and our own (raw heads, writer.h). Opset 7 and later; FP16 and other float types become FP32.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "formats/model.h"

namespace peregrine::onnx {

/// Whether the file begins as every ONNX file does.
bool is_onnx(std::span<const std::byte> file);

/// `info` brings name and sha256; the rest is read from Ultralytics' metadata where the file has it, else
/// from the shapes of its outputs where these allow one reading alone, else `told` says it: what the user, or
/// the caller's purpose, makes of it. The bytes are not needed afterwards. Throws Error "model.task" where
/// nothing says what the model is, "model.damaged", "model.tensor" for a file that is not whole,
/// "model.unsupported" naming the first operator that is unknown, and its node, "model.head" for outputs that
/// no stage could read.
Model read_model(std::span<const std::byte> file, ModelInfo info, const std::optional<TaskHint>& told = {});

}  // namespace peregrine::onnx
