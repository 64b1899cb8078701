#include "formats/onnx/read/node_order.h"

#include <functional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "peregrine/error.h"

namespace peregrine::onnx {

std::vector<pb::NodeProto> take_nodes_in_order(pb::GraphProto& graph) {
  std::unordered_map<std::string_view, int> maker;
  for (int i = 0; i < graph.node_size(); ++i)
    for (const std::string& output : graph.node(i).output()) maker.try_emplace(output, i);

  const auto count = static_cast<std::size_t>(graph.node_size());
  std::vector<std::vector<int>> users(count);
  std::vector<int> missing(count);
  for (int i = 0; i < graph.node_size(); ++i)
    for (const std::string& input : graph.node(i).input())
      if (const auto found = maker.find(input); found != maker.end() && !input.empty()) {
        users[static_cast<std::size_t>(found->second)].push_back(i);
        ++missing[static_cast<std::size_t>(i)];
      }

  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (std::size_t i = 0; i < count; ++i)
    if (missing[i] == 0) ready.push(static_cast<int>(i));
  std::vector<int> order;
  for (; !ready.empty();) {
    order.push_back(ready.top());
    ready.pop();
    for (const int user : users[static_cast<std::size_t>(order.back())])
      if (--missing[static_cast<std::size_t>(user)] == 0) ready.push(user);
  }
  if (order.size() != count)
    throw Error("model.damaged", "the nodes of the ONNX file feed each other in a circle");

  std::vector<pb::NodeProto> nodes;
  nodes.reserve(count);
  for (const int i : order) nodes.push_back(std::move(*graph.mutable_node(i)));
  return nodes;
}

}  // namespace peregrine::onnx
