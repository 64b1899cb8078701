#include <algorithm>

#include "engine/host_run.h"
#include "engine/openvino/openvino_builder.h"
#include "plan_comparison.h"

namespace peregrine::test {

using graph::ValueId;

NamedValues openvino_values(const graph::Graph& graph, const std::vector<HostTensor>& inputs) {
  graph::Graph open = graph;
  std::vector<ValueId> ids;
  for (ValueId id : computed_values(graph))
    if (std::ranges::find(graph.outputs(), id) == graph.outputs().end()) {
      open.mark_output(id, "value " + graph.value(id).name);
      ids.push_back(id);
    }
  ids.insert(ids.begin(), graph.outputs().begin(), graph.outputs().end());
  const auto builder = make_openvino_builder();
  const auto engine = builder->load(builder->build(open, {}), Device::cpu());
  return named(graph, ids, run_on_host(*engine, views(inputs)));
}

}  // namespace peregrine::test
