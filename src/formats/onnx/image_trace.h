// What a file does with its image before its network begins: numbers rescaled, channels in another order,
// axes turned. What the first convolutions read tells which images the file takes.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace peregrine::onnx {

/// scale * (the image's channel `source`) + shift.
struct TracedChannel {
  std::int64_t source = 0;
  double scale = 1, shift = 0;
};

/// A value that is the image itself, rescaled, cut, enlarged or turned.
struct ImageTrace {
  std::vector<TracedChannel> channels;
  std::vector<std::int64_t> axes;  ///< of the image (0 to 3: N, C, H, W), in the value's order
};

/// What each convolution reads whose input is the image itself. One with a 1x1 window that only rescales or
/// reorders the channels is a step before the network, as a normalisation is. The passes have not run yet.
std::vector<ImageTrace> images_of_first_convolutions(const graph::Graph& graph);

}  // namespace peregrine::onnx
