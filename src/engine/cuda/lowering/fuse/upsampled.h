// A transposed 2x2 convolution of stride 2 and the 3x3 convolution behind it, merged. Nothing stands between
// them, so they are linear together: four 2x2 convolutions of the small map, one for each phase of the large
// one. With the window of the small map at rows r and r+1 and columns s and s+1, phase (i,j) makes the pixel
// (2r+1+i, 2s+1+j). A window that reaches over the border has fewer taps: there the 3x3 convolution saw
// padding, which has no bias of the transposed one either.
#pragma once

#include <array>

#include "engine/cuda/lowering/lowered_op.h"

namespace peregrine::cuda::lowering {

class UpsampledConvolution {
 public:
  /// Weights [C,M,2,2] and [K,M,3,3].
  UpsampledConvolution(const Weights& transposed, const Weights& convolution);

  /// The taps of one axis of the window that lie in the map.
  struct Taps {
    std::int64_t first = 0, count = 2;
  };
  /// Weight [K,C,rows,columns] and bias of phase (row, column).
  Weights phase(std::size_t row, std::size_t column, Taps rows, Taps columns) const;

 private:
  /// What one pixel of the small map adds to one phase.
  struct Tap {
    std::vector<double> weight;  ///< [K,C]
    std::vector<double> bias;    ///< [K]: the transposed convolution's, seen through the 3x3 one
  };
  static std::size_t index(std::size_t row, std::size_t column, std::size_t tap_row, std::size_t tap_column) {
    return ((row * 2 + column) * 2 + tap_row) * 2 + tap_column;
  }

  std::int64_t channels_in_, channels_out_;
  std::array<Tap, 16> taps_;  ///< by phase and tap
  std::vector<double> bias_;  ///< [K], the 3x3 convolution's own
};

}  // namespace peregrine::cuda::lowering
