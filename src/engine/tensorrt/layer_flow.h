// Which layers of a network lie between layers that stay in FP32: by what they read and who reads them.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace peregrine::tensorrt {

/// A layer as its tensors' names connect it.
struct FlowLayer {
  enum class Kind {
    marked,  ///< of a node that the export keeps in FP32
    node,    ///< of another node of the model, which computes
    passing  ///< computes nothing, or was put in by the parser beside the nodes
  };
  Kind kind = Kind::node;
  std::vector<std::string> inputs, outputs;
};

/// For each layer: whether it is `passing` and lies between marked ones. Every way back from it, over passing
/// layers, ends at a marked layer or at a constant; every way on ends at a marked layer, or at an output of
/// the network behind one; and there is a marked layer on one of them. Such a layer has no FP16 neighbour
/// whose type it should have.
std::vector<bool> between_marked(std::span<const FlowLayer> layers);

}  // namespace peregrine::tensorrt
