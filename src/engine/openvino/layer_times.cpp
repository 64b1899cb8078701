#include "engine/openvino/layer_times.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <map>

#include "engine/openvino/lowering.h"
#include "engine/openvino/openvino_engine.h"
#include "peregrine/error.h"

namespace peregrine {

std::vector<LayerTime> openvino_layer_times(const graph::Graph& graph, Precision precision, int runs) {
  const openvino::Lowering lowered = openvino::lower(graph, false);
  if (!lowered.model)
    throw Error("engine.unsupported", fmt::format("The openvino engine cannot run this model: {}",
                                                  fmt::join(lowered.refused, " ")));
  try {
    ov::AnyMap properties = openvino::configuration(precision, 0);
    properties.insert(ov::enable_profiling(true));
    ov::InferRequest request =
        openvino::core().compile_model(lowered.model, "CPU", properties).create_infer_request();
    ov::Tensor input = request.get_input_tensor();
    std::memset(input.data(), 0, input.get_byte_size());
    request.infer();
    std::vector<LayerTime> layers;
    std::map<std::string, std::size_t> places;
    for (int i = 0; i < runs; ++i) {
      request.infer();
      for (const ov::ProfilingInfo& layer : request.get_profiling_info()) {
        if (layer.status != ov::ProfilingInfo::Status::EXECUTED) continue;
        const auto [place, fresh] = places.emplace(layer.node_name, layers.size());
        if (fresh)
          layers.push_back({.name = layer.node_name, .what = layer.node_type, .kernel = layer.exec_type});
        layers[place->second].microseconds +=
            std::chrono::duration<double, std::micro>(layer.real_time).count() / runs;
      }
    }
    return layers;
  } catch (const ov::Exception& error) {
    throw openvino::failure("measure the model", error);
  }
}

}  // namespace peregrine
