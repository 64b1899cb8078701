// Computes the masks of one image on the host.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "image/run_length.h"
#include "stages/postprocess/head/head_view.h"
#include "stages/postprocess/tasks/segment/mask_plan.h"

namespace peregrine::postprocess {

/// A mask inside its window: columns of ceil(height / 32) words, row r in bit r % 32 of word r / 32, the rest
/// zero.
struct PackedMask {
  MaskWindow window;
  std::vector<std::uint32_t> words;

  bool empty() const;
};

/// Computes only what lies inside an object's window. Buffers are reused from object to object.
class MaskAssembler {
 public:
  MaskAssembler(const FeatureMap& proto, const MaskPlan& plan);

  /// `image_box` in pixels of the image, clipped; `input_box` in input pixels: validation crops to it.
  PackedMask assemble(std::span<const float> coefficients, const std::array<float, 4>& image_box,
                      const std::array<float, 4>& input_box);

 private:
  /// What an object needs of one axis, at each of the three sizes.
  struct Span {
    PixelRange image, middle, proto;
  };
  static Span span_along(const std::vector<LinearTap>& to_image, const std::vector<LinearTap>& to_middle,
                         PixelRange image);
  void combine_prototypes(std::span<const float> coefficients, const Span& x, const Span& y);
  const float* middle_column(int column, const Span& x, const Span& y, const std::array<float, 4>& input_box);
  const float* image_column(int column, const Span& x, const Span& y, const std::array<float, 4>& input_box);

  MaskPlan plan_;
  std::vector<float> planes_;  ///< dense prototypes, where `proto` is not
  const float* proto_;         ///< [channels][height][width]
  int channels_;
  std::ptrdiff_t channel_stride_, row_stride_;
  std::vector<LinearTap> to_image_x_, to_image_y_, to_middle_x_, to_middle_y_;
  std::vector<float> rows_, logits_;  ///< prototypes combined, by rows and by columns
  std::vector<float> stretched_;      ///< columns of prototypes, stretched to the middle's rows
  std::vector<float> middle_;         ///< one column of the middle
  std::vector<float> columns_[2];     ///< two columns of the middle, stretched to the image's rows
  int column_index_[2];
};

}  // namespace peregrine::postprocess
