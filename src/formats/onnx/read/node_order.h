// The order in which the nodes of an ONNX file can be translated.
#pragma once

#include <vector>

#include "formats/onnx/proto.h"

namespace peregrine::onnx {

/// Moves the nodes out of the graph, each behind those whose outputs it uses and otherwise as they stand. The
/// format demands that order, but converters to FP16 append their casts at the end. Throws Error
/// "model.damaged" for a circle.
std::vector<pb::NodeProto> take_nodes_in_order(pb::GraphProto& graph);

}  // namespace peregrine::onnx
