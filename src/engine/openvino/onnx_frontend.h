// Runs an ONNX file as OpenVINO itself reads it, without this project's reader, graph and lowering.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace peregrine {

class OnnxFrontend {
 public:
  /// `input`: N x 3 x H x W. Throws Error "engine.openvino" where the frontend cannot read the file, or the
  /// file cannot take such an input.
  OnnxFrontend(const std::filesystem::path& file, const Shape& input);
  ~OnnxFrontend();
  OnnxFrontend(const OnnxFrontend&) = delete;
  OnnxFrontend& operator=(const OnnxFrontend&) = delete;

  /// "OpenVINO 2026.4.1, ONNX frontend".
  static std::string name();
  /// `input`: dense FP32, 0..1 for images. An input of whole numbers gets 0..255 instead, which is what
  /// such a type holds of an image. Returns the file's outputs in its order, as dense FP32. Throws Error
  /// "engine.openvino".
  std::vector<HostTensor> run(const TensorView& input);

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace peregrine
