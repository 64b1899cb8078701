#include "engine/tensorrt/layer_flow.h"

#include <map>

namespace peregrine::tensorrt {

namespace {

class Flow {
 public:
  explicit Flow(std::span<const FlowLayer> layers) : layers_(layers) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      for (const std::string& tensor : layers[i].inputs) readers_[tensor].push_back(i);
      for (const std::string& tensor : layers[i].outputs) makers_[tensor].push_back(i);
    }
  }

  bool is_between(std::size_t layer) const {
    if (layers_[layer].kind != FlowLayer::Kind::passing) return false;
    Ends back, on;
    follow(layer, &FlowLayer::inputs, makers_, back);
    follow(layer, &FlowLayer::outputs, readers_, on);
    // Nobody makes what the network is given; nobody reads what it gives.
    return !back.at_node && !back.at_border && !on.at_node && (back.at_marked || on.at_marked) &&
           (!on.at_border || back.at_marked);
  }

 private:
  using Neighbours = std::map<std::string, std::vector<std::size_t>>;
  struct Ends {
    bool at_marked = false, at_node = false, at_border = false;
    std::vector<bool> seen;
  };

  void follow(std::size_t from, std::vector<std::string> FlowLayer::*tensors, const Neighbours& neighbours,
              Ends& ends) const {
    ends.seen.resize(layers_.size());
    std::vector<std::size_t> open{from};
    while (!open.empty()) {
      const FlowLayer& layer = layers_[open.back()];
      open.pop_back();
      for (const std::string& tensor : layer.*tensors) {
        const auto found = neighbours.find(tensor);
        if (found == neighbours.end()) {
          ends.at_border = true;
          continue;
        }
        for (const std::size_t next : found->second) {
          if (ends.seen[next]) continue;
          ends.seen[next] = true;
          switch (layers_[next].kind) {
            case FlowLayer::Kind::marked: ends.at_marked = true; break;
            case FlowLayer::Kind::node: ends.at_node = true; break;
            case FlowLayer::Kind::passing: open.push_back(next); break;
          }
        }
      }
    }
  }

  std::span<const FlowLayer> layers_;
  Neighbours makers_, readers_;
};

}  // namespace

std::vector<bool> between_marked(std::span<const FlowLayer> layers) {
  const Flow flow(layers);
  std::vector<bool> between;
  for (std::size_t i = 0; i < layers.size(); ++i) between.push_back(flow.is_between(i));
  return between;
}

}  // namespace peregrine::tensorrt
