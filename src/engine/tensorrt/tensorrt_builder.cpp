#include "engine/tensorrt/tensorrt_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "core/log.h"
#include "core/os/output_file.h"
#include "core/os/read_whole_file.h"
#include "engine/tensorrt/inspection.h"
#include "engine/tensorrt/layer_precision.h"
#include "engine/tensorrt/library/locate.h"
#include "engine/tensorrt/onnx_build.h"
#include "engine/tensorrt/plan.h"
#include "engine/tensorrt/precision_audit.h"
#include "engine/tensorrt/probe/probe.h"
#include "formats/onnx/write/fp32_layers.h"
#include "formats/onnx/write/writer.h"
#include "peregrine/error.h"
#if PEREGRINE_CUDA
#include "cuda/device.h"
#include "engine/tensorrt/tensorrt_engine.h"
#endif

namespace peregrine {

namespace fs = std::filesystem;

namespace {

using namespace tensorrt;

constexpr const char* no_gpu = "no GPU";

bool has_gpu([[maybe_unused]] const Device& device) {
#if PEREGRINE_CUDA
  return device.on_gpu() && cuda::device_count() > 0;
#else
  return false;
#endif
}

/// On the GPU, in bytes.
std::optional<std::size_t> free_memory([[maybe_unused]] const Device& device) {
#if PEREGRINE_CUDA
  std::size_t free = 0, total = 0;
  if (has_gpu(device) && cuda::runtime().memory_info(&free, &total) == cudaSuccess) return free;
#endif
  return {};
}

using Reasons = std::map<std::string, std::string>;

/// What stays FP32; all of it where nothing else is asked for.
Reasons single_parts_for(const graph::Graph& graph, const BuildOptions& options) {
  return options.precision == Precision::fp16 ? onnx::fp32_layers(graph) : Reasons{};
}

/// Where FP16 is a flag of the builder: the file is FP32 then.
bool is_weakly_typed(const Library& library) { return library.slots().abi == Abi::tensorrt_8; }

std::string export_graph(const graph::Graph& graph, const BuildOptions& options, const Reasons& single,
                         const Library& library) {
  const bool in_half = options.precision == Precision::fp16 && !is_weakly_typed(library);
  return onnx::serialize(graph, {.precision = in_half ? DType::f16 : DType::f32,
                                 .single = in_half ? single : Reasons{},
                                 .open_batch = options.batches.has_value(),
                                 .metadata = {}});
}

std::vector<Binding> bindings_of(const graph::Graph& graph, const BuildOptions& options) {
  std::vector<Binding> bindings;
  const auto add = [&](graph::ValueId id, const std::string& name, bool is_input) {
    Shape shape = graph.value(id).shape;
    if (options.batches) shape[0] = options.batches->max;
    const DType dtype = options.precision == Precision::fp16 ? DType::f16 : DType::f32;
    bindings.push_back({name, is_input, dtype, options.device, shape, dense_strides(shape)});
  };
  for (graph::ValueId id : graph.inputs()) add(id, graph.value(id).name, true);
  for (std::size_t i = 0; i < graph.outputs().size(); ++i)
    add(graph.outputs()[i], graph.output_names()[i], false);
  return bindings;
}

/// What the writer has no ONNX for: a file has one type throughout.
std::vector<std::string> not_written(const graph::Graph& graph) {
  std::vector<std::string> reasons;
  for (const graph::Node& node : graph.nodes())
    if (std::holds_alternative<graph::Cast>(node.operation))
      reasons.push_back(fmt::format("{} ({}): the ONNX file that TensorRT reads has one type throughout.",
                                    node.name, graph::name_of(node.operation)));
  return reasons;
}

void check_options(const BuildOptions& options) {
  if (options.precision == Precision::bf16)
    throw Error("usage.precision", "The tensorrt engines have no bf16.", "Use --precision fp16 or fp32.");
  if (options.dynamic_size)
    throw Error("usage.shape", "The tensorrt engines take one input size; only the batch can be open.",
                "Leave out --rect, or pass --engine cuda.");
  if (const auto& batches = options.batches;
      batches && !(1 <= batches->min && batches->min <= batches->opt && batches->opt <= batches->max))
    throw Error("usage.batch",
                fmt::format("Batches {}:{}:{} do not rise.", batches->min, batches->opt, batches->max),
                "Give MIN:OPT:MAX, as in 1:4:16.");
}

/// Of the nodes in the file: an output that another node does not make by itself has one of its own name.
std::set<std::string> names_of_nodes(const graph::Graph& graph) {
  std::set<std::string> names(graph.output_names().begin(), graph.output_names().end());
  for (const graph::Node& node : graph.nodes()) names.insert(node.name);
  return names;
}

/// Of a strongly typed network. Throws Error "engine.precision".
std::string audit_before(const NetworkDefinition& network, const Reasons& single, Precision precision) {
  const PrecisionAudit audit = audit_precision(network, single);
  require_precision(network, audit, precision);
  return tensorrt::to_string(audit);
}

class TensorRtBuilder final : public Builder {
 public:
  TensorRtBuilder(Flavour flavour, TensorRtOptions options)
      : flavour_(flavour), options_(std::move(options)) {}

  std::string name() const override { return tensorrt::to_string(flavour_); }

  std::string library_versions() const override {
    const Version& version = library(0).version();
    return fmt::format("{} {}.{}.{}", name(), version.major, version.minor, version.patch);
  }

  std::string device_name([[maybe_unused]] const Device& device) const override {
#if PEREGRINE_CUDA
    if (has_gpu(device)) return cuda::device_facts(device.index).identity();
#endif
    return no_gpu;
  }

  std::vector<std::string> unsupported(const graph::Graph& graph,
                                       const BuildOptions& options) const override {
    if (std::vector<std::string> reasons = not_written(graph); !reasons.empty()) return reasons;
    try {
      const Library& library = this->library(0);
      const std::string file = export_graph(graph, options, single_parts_for(graph, options), library);
      OnnxBuild(library, std::as_bytes(std::span(file)));
    } catch (const Error& error) {
      if (error.code() == "engine.unsupported") return {error.sentence()};
      // Without a library there is nothing that it refuses; build() says that it is missing.
      if (error.code() != "environment.tensorrt") throw;
    }
    return {};
  }

  bool has_long_builds() const override { return flavour_ == Flavour::tensorrt; }
  /// TensorRT 8 takes such kernels where they are the fastest; strongly typed networks accumulate in FP32.
  bool accumulates_in_fp16() const override { return is_weakly_typed(library(0)); }
  bool has_open_batch() const override { return true; }

  std::string cannot_run(const Device& device) const override {
    if (!has_gpu(device)) return "This machine has no CUDA device.";
    try {
      const LibraryFiles files = [this] {
        const std::scoped_lock lock(mutex_);
        return find().files;
      }();
      const ProbeResult result = probe(files, device.index, options_.memory, options_.progress);
      return result.failure.empty() ? result.refusal : result.failure;
    } catch (const Error& error) {
      if (error.code().starts_with("interrupted")) throw;
      return error.sentence();
    }
  }

  Plan build(const graph::Graph& graph, const BuildOptions& options) const override;
  std::unique_ptr<Engine> load(const Plan& plan, const Device& device,
                               const cuda::MemoryPool* pool) const override;

 private:
  /// Under the lock.
  const Installation& find() const {
    if (!found_) found_ = find_installation(flavour_, options_.library);
    return *found_;
  }

  /// Probed, and loaded until the process ends.
  const Library& library(int device) const {
    const std::scoped_lock lock(mutex_);
    if (library_) return *library_;
    const LibraryFiles& files = find().files;
    const ProbeResult result = probe(files, device, options_.memory, options_.progress);
    if (!result.failure.empty())
      throw Error("environment.tensorrt",
                  fmt::format("{} cannot be used: {}", files.library.string(), result.failure),
                  "Install another version, or pass --engine cuda.");
    return *(library_ = &loaded(files));
  }

  fs::path timing_cache_file(const Device& device) const {
    if (options_.memory.empty()) return {};
    std::string file = fmt::format("{} {}", library_versions(), device_name(device));
    std::ranges::replace_if(
        file, [](unsigned char c) { return !std::isalnum(c) && c != '.' && c != '-'; }, '_');
    return options_.memory / ("timing-" + file + ".cache");
  }

  Flavour flavour_;
  TensorRtOptions options_;
  mutable std::mutex mutex_;
  mutable std::optional<Installation> found_;
  mutable const Library* library_ = nullptr;
};

void keep_timing_cache(const fs::path& file, std::span<const std::byte> cache) {
  if (file.empty() || cache.empty()) return;
  try {
    if (file.has_parent_path()) fs::create_directories(file.parent_path());
    write_file(file, cache);
  } catch (const std::exception& failure) {
    log::warning(fmt::format("The timing cache is not kept: {}", failure.what()));
  }
}

Plan TensorRtBuilder::build(const graph::Graph& graph, const BuildOptions& options) const {
  check_options(options);
  if (const auto reasons = not_written(graph); !reasons.empty())
    throw Error("engine.unsupported",
                fmt::format("The {} engine cannot run this model: {}", name(), fmt::join(reasons, " ")));
  const auto tell = [&](double share, std::string_view stage) {
    if (options.progress && !options.progress(share, stage))
      throw Error("interrupted.build", "The build was cancelled.");
  };
  tell(0, "exporting");
  const Library& library = this->library(options.device.index);
#if PEREGRINE_CUDA
  // TensorRT measures on, and builds for, the current device.
  std::optional<cuda::DeviceScope> scope;
  if (has_gpu(options.device)) scope.emplace(options.device.index);
#endif
  const Reasons single = single_parts_for(graph, options);
  const std::string file = export_graph(graph, options, single, library);
  tell(0, "TensorRT reads the model");
  const OnnxBuild build(library, std::as_bytes(std::span(file)));
  std::vector<std::string> notes;
  const WantedPrecision wanted{single, names_of_nodes(graph)};
  const bool fp16_by_flag = is_weakly_typed(library) && options.precision == Precision::fp16;
  if (fp16_by_flag)
    ask_for_fp16(build.network(), wanted);
  else if (!is_weakly_typed(library))
    notes.push_back("Before the build, as parsed: " +
                    audit_before(build.network(), single, options.precision));

  const fs::path cache_file =
      options.timing_cache.empty() ? timing_cache_file(options.device) : options.timing_cache;
  // Without a GPU nothing is measured: the library would only complain about a cache.
  const auto read_cache = [&] {
    return (has_gpu(options.device) ? read_whole_file(cache_file) : std::nullopt)
        .value_or(std::vector<std::byte>{});
  };
  const OnnxBuild::Result result = build.build(
      {.batches = options.batches,
       .fp16_by_flag = fp16_by_flag,
       .workspace_bytes = options.workspace_bytes,
       .free_memory = [&] { return free_memory(options.device); },
       .optimization_level = options.optimization_level,
       .compute_capabilities = options.compute_capabilities,
       .progress = options.progress,
       .read_timing_cache = read_cache,
       .keep_timing_cache = [&](std::span<const std::byte> cache) { keep_timing_cache(cache_file, cache); }});
  Plan plan{.engine = name(),
            .precision = options.precision,
            .library_versions = library_versions(),
            .device_name = device_name(options.device),
            .bytes = write_plan({.precision = options.precision,
                                 .batches = options.batches,
                                 .bindings = bindings_of(graph, options),
                                 .blob = result.plan}),
            .notes = std::move(notes)};
  plan.notes.insert(plan.notes.end(), result.notes.begin(), result.notes.end());
  const std::string reason = cannot_run(options.device);
  if (!reason.empty()) {
    plan.notes.push_back("Built, not run: " + reason);
  } else {
    const std::vector<InspectedLayer> layers = inspect(library, result.plan);
    if (fp16_by_flag) require_fp16(layers, wanted);
    if (!layers.empty())
      plan.notes.push_back("After the build, as the inspector tells: " + summarize(layers, wanted));
    if (const auto missing = not_told(layers, wanted); fp16_by_flag && !missing.empty())
      plan.notes.push_back(
          fmt::format("Asked for in FP32, and not told by the inspector: {}.", fmt::join(missing, ", ")));
  }
  for (const std::string& note : plan.notes) log::info(note);
  return plan;
}

std::unique_ptr<Engine> TensorRtBuilder::load(const Plan& plan, const Device& device,
                                              [[maybe_unused]] const cuda::MemoryPool* pool) const {
  if (plan.engine != name())
    throw Error("engine.plan",
                fmt::format("The plan is one of the {} engine, not of {}.", plan.engine, name()),
                "Build the engine again: `peregrine build MODEL --rebuild`.");
  if (const std::string here = library_versions(); plan.library_versions != here)
    throw Error("engine.plan",
                fmt::format("The plan was built with {}, here is {}.", plan.library_versions, here),
                "Build the engine again: `peregrine build MODEL --rebuild`.");
  PlanContent content = read_plan(plan.bytes);
  if (const std::string reason = cannot_run(device); !reason.empty())
    throw Error(
        "environment.device",
        fmt::format("{} cannot run the engine here: {}", tensorrt::to_string(library(0).version()), reason),
        "Pass --engine cuda.");
#if PEREGRINE_CUDA
  if (const std::string here = device_name(device); plan.device_name != here && plan.device_name != no_gpu)
    throw Error("engine.plan", fmt::format("The plan was built for {}, this is {}.", plan.device_name, here),
                "Build the engine again: `peregrine build MODEL --rebuild`.");
  return std::make_unique<TensorRtEngine>(library(device.index), std::move(content), device, pool);
#else
  throw Error("environment.cuda", "This build of peregrine has no CUDA.");
#endif
}

}  // namespace

std::unique_ptr<Builder> make_tensorrt_builder(tensorrt::Flavour flavour, TensorRtOptions options) {
  return std::make_unique<TensorRtBuilder>(flavour, std::move(options));
}

}  // namespace peregrine
