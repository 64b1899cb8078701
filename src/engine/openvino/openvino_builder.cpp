#include "engine/openvino/openvino_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <openvino/core/version.hpp>
#include <sstream>
#include <string>

#include "engine/openvino/lowering.h"
#include "engine/openvino/openvino_engine.h"
#include "engine/openvino/plan.h"
#include "peregrine/error.h"

namespace peregrine {

namespace {

using namespace openvino;

constexpr const char* device = "CPU";

std::vector<Binding> bindings_of(const graph::Graph& graph) {
  std::vector<Binding> bindings;
  const auto add = [&](graph::ValueId id, const std::string& name, bool is_input) {
    const graph::Value& value = graph.value(id);
    bindings.push_back({name, is_input, value.dtype, Device::cpu(), value.shape, dense_strides(value.shape)});
  };
  for (graph::ValueId id : graph.inputs()) add(id, graph.value(id).name, true);
  for (std::size_t i = 0; i < graph.outputs().size(); ++i)
    add(graph.outputs()[i], graph.output_names()[i], false);
  return bindings;
}

void report(const BuildOptions& options, double share, std::string_view step) {
  if (options.progress && !options.progress(share, step))
    throw Error("interrupted.build", "The build was cancelled.");
}

class OpenVinoBuilder final : public Builder {
 public:
  std::string name() const override { return "openvino"; }

  /// The release, without the build's number, which differs between packages of one release.
  std::string library_versions() const override {
    const std::string text = ov::get_openvino_version().buildNumber;
    return "openvino " + text.substr(0, text.find('-'));
  }

  std::string device_name(const Device&) const override {
    try {
      const auto name = core().get_property(device, ov::device::full_name);
      const auto capabilities = core().get_property(device, ov::device::capabilities);
      return fmt::format("{} ({})", name, fmt::join(capabilities, ", "));
    } catch (const ov::Exception& error) {
      throw failure("load its plugin for CPUs", error, "Install OpenVINO with its plugin for CPUs.");
    }
  }

  std::vector<std::string> unsupported(const graph::Graph& graph, const BuildOptions&) const override {
    return lower(graph, false).refused;
  }

  Plan build(const graph::Graph& graph, const BuildOptions& options) const override {
    report(options, 0.0, "lowering");
    const Lowering lowered = lower(graph, options.dynamic_size);
    if (!lowered.model)
      throw Error("engine.unsupported", fmt::format("The openvino engine cannot run this model: {}",
                                                    fmt::join(lowered.refused, " ")));
    try {
      report(options, 0.2, "compiling");
      auto compiled =
          core().compile_model(lowered.model, device, configuration(options.precision, options.threads));
      report(options, 0.8, "writing the plan");
      std::ostringstream exported;
      compiled.export_model(exported);
      const std::string_view blob = exported.view();
      return {.engine = name(),
              .precision = options.precision,
              .library_versions = library_versions(),
              .device_name = device_name(options.device),
              .bytes = write_plan({.precision = options.precision,
                                   .dynamic = options.dynamic_size,
                                   .threads = options.threads,
                                   .bindings = bindings_of(graph),
                                   .blob = std::as_bytes(std::span(blob))})};
    } catch (const ov::Exception& error) {
      throw failure("compile the model", error);
    }
  }

  std::unique_ptr<Engine> load(const Plan& plan, const Device& place,
                               const cuda::MemoryPool*) const override {
    if (place.on_gpu())
      throw Error("engine.device",
                  fmt::format("The openvino engine runs on the CPU, not on {}.", to_string(place)));
    if (plan.engine != name() || plan.library_versions != library_versions())
      throw Error("engine.plan",
                  fmt::format("The plan is for {} ({}), this is {}.", plan.engine, plan.library_versions,
                              library_versions()),
                  "Build the engine again: `peregrine build MODEL --rebuild`.");
    PlanContent content = read_plan(plan.bytes);
    try {
      ov::Tensor blob(ov::element::u8,
                      {content.blob.size()});  // a copy: the compiled model may keep using it
      std::ranges::copy(content.blob, static_cast<std::byte*>(blob.data()));
      return std::make_unique<OpenVinoEngine>(
          core().import_model(blob, device, configuration(content.precision, content.threads)),
          std::move(content.bindings), content.dynamic);
    } catch (const ov::Exception& error) {
      throw failure("load the plan", error, "Build the engine again: `peregrine build MODEL --rebuild`.");
    }
  }
};

}  // namespace

std::unique_ptr<Builder> make_openvino_builder() { return std::make_unique<OpenVinoBuilder>(); }

}  // namespace peregrine
