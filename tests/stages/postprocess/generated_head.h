// The heads of tools/fixtures/make_head_cases.py: every value follows from its index, exactly representable
// as a half.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "image/geometry.h"
#include "stages/postprocess/postprocess.h"

namespace peregrine::test {

/// How a generated tensor is stored.
struct Storage {
  DType dtype = DType::f32;
  bool channels_last = false;
};

/// Owns tensors and hands out their views by name.
class GeneratedHead {
 public:
  GeneratedHead(const ModelInfo& model, const Geometry& geometry, int seed, int batch = 1,
                Storage storage = {});

  const std::vector<postprocess::NamedTensor>& tensors() const { return views_; }

 private:
  /// [batch, channels, height, width] (or [batch, channels, width] where height is 0); image n has seed + n.
  template <class Value>
  void add(const std::string& name, int channels, int height, int width, Value value);

  int seed_, batch_;
  Storage storage_;
  std::vector<HostTensor> owners_;
  std::vector<postprocess::NamedTensor> views_;
};

/// The letterbox of an image; preprocess has it too, but stages do not include each other.
Geometry centred_geometry(int width, int height, int input_width, int input_height);

/// Three classes, strides 8, 16 and 32, four keypoints, six mask channels.
ModelInfo generated_model(Task task, HeadLayout layout, int keypoint_dims = 3);

}  // namespace peregrine::test
