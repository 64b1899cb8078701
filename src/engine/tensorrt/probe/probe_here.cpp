#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/tensorrt/library/objects.h"
#include "engine/tensorrt/probe/probe.h"
#include "peregrine/error.h"
#if PEREGRINE_CUDA
#include "cuda/device.h"
#endif

namespace peregrine::tensorrt {

namespace {

void require(bool holds, const char* what) {
  if (!holds)
    throw Error("environment.tensorrt", fmt::format("Its layout is another one: {} read back wrong.", what));
}

/// Builds y = relu(x), all of it read back off the network.
HostMemory build_smallest(const Library& library) {
  const Shape shape{2, 3, 5, 7};
  const BuilderObject builder(library);
  const NetworkDefinition network = builder.create_network();
  const Tensor x = network.add_input("x", DataType::f16, shape);
  const Layer relu = network.add_relu(x);
  const Tensor y = relu.outputs().at(0);
  y.set_name("y");
  network.mark_output(y);
  if (library.slots().abi == Abi::tensorrt_8) {
    relu.prefer(DataType::f16);
    y.require_type(DataType::f16);
  }
  require(x.name() == "x" && y.name() == "y", "a name");
  require(to_shape(x.dims()) == shape && to_shape(y.dims()) == shape, "a shape");
  require(x.type() == DataType::f16 && y.type() == DataType::f16, "a type");
  require(network.layers().size() == 1 && network.inputs().size() == 1 && network.outputs().size() == 1,
          "a count");
  require(network.inputs()[0].get() == x.get() && network.outputs()[0].get() == y.get(),
          "an input or output");

  const BuilderConfig config = builder.create_config();
  (void)config.use_tactics_of_present_libraries();
  if (library.slots().abi == Abi::tensorrt_8) config.enable_fp16();
  constexpr std::size_t workspace = std::size_t{48} << 20;
  config.set_workspace(workspace);
  require(config.workspace() == workspace, "the workspace");
  int calls = 0;
  ProgressMonitor monitor([&calls](double, std::string_view) { return ++calls > 0; });
  config.set_progress(&monitor);
  std::optional<HostMemory> plan = builder.build(network, config);
  if (!plan) throw_failure(library, "build a network of one layer", "environment.tensorrt");
  config.set_progress(nullptr);
  require(calls > 0 || !config.tells_progress(), "the progress");
  require(!plan->bytes().empty(), "the plan");
  { const Parser parser(network); }  // it can be made and destroyed
  return std::move(*plan);
}

}  // namespace

ProbeResult probe_here(const LibraryFiles& files, [[maybe_unused]] int device) {
  ProbeResult result;
  try {
#if PEREGRINE_CUDA
    result.gpu = device < cuda::device_count();
    std::optional<cuda::DeviceScope> scope;
    if (result.gpu) scope.emplace(device);
#endif
    const Library library(files);
    library.logger().begin();
    const HostMemory plan = build_smallest(library);
    if (!result.gpu) return result;
    library.logger().begin();
    const RuntimeObject runtime(library);
    if (!runtime.deserialize(plan.bytes()))
      result.refusal = fmt::format("{}", fmt::join(library.logger().reasons(), " | "));
  } catch (const Error& error) {
    result.failure = error.sentence();
  }
  return result;
}

}  // namespace peregrine::tensorrt
