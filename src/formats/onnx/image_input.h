// The input of a file: type, layout, channels and range of the numbers that it takes are read, not assumed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "formats/onnx/proto.h"
#include "graph/graph.h"

namespace peregrine::onnx {

struct ImageInput {
  std::string name;
  Shape shape;  ///< N, C, H, W; 0 where the file leaves an extent open
};

/// The constant of that name, or null.
using FindConstant = std::function<std::shared_ptr<const HostTensor>(const std::string&)>;

/// The one input that is no weight: a batch of images as float32 or float16, N x 3 x H x W. Throws Error
/// "model.unsupported" naming the type, the channels or the layout of any other.
ImageInput read_image_input(const pb::GraphProto& graph, const FindConstant& constant);

/// Throws Error "model.unsupported" where the steps before the graph's first convolutions show that it wants
/// another image than Peregrine gives it: RGB from 0 to 1, normalised by ImageNet's mean and deviation for
/// ReID
/// (`normalised`). The passes have not run yet.
void check_input_use(const graph::Graph& graph, bool normalised);

}  // namespace peregrine::onnx
