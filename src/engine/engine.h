// The interfaces of every engine: a Builder turns a graph into a plan, and an Engine runs a loaded plan.
// One conformance suite (tests/engine/conformance) runs over all builders.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "peregrine/precision.h"
#include "peregrine/tensor.h"

namespace peregrine {

namespace cuda {
class MemoryPool;  // cuda/memory.h
}

/// A CUDA stream without CUDA's headers; null is the CPU (and, on a device, the default stream).
struct StreamHandle {
  void* cuda_stream = nullptr;
};

struct Binding {
  std::string name;  ///< graph::input_name or an output name (graph/head.h)
  bool is_input = false;
  DType dtype = DType::f32;
  Device device;    ///< where enqueue expects it
  Shape shape;      ///< logical NCHW, at the shape the plan was built for
  Strides strides;  ///< layout, in elements
};

struct Plan;

/// The batches that one engine takes; it is fastest at `opt`.
struct BatchRange {
  int min = 1, opt = 1, max = 1;
  bool operator==(const BatchRange&) const = default;
};

struct BuildOptions {
  Precision precision = Precision::fp32;
  Device device;              ///< cpu or cuda:N
  bool dynamic_size = false;  ///< CPU engine: one plan for any batch, height and width (predict --rect)
  int threads = 0;            ///< CPU engine: 0 lets it decide
  std::size_t workspace_bytes = std::size_t{1} << 30;
  /// TensorRT's engines: an open batch. The graph's own batch is then a stand-in, of which no other extent
  /// should be a multiple.
  std::optional<BatchRange> batches{};
  std::optional<int> optimization_level{};  ///< TensorRT's engines: 0 to 5; none: the library's default
  std::vector<int>
      compute_capabilities{};  ///< TensorRT-RTX: to build for, 89 is 8.9; none: all that it supports
  std::filesystem::path timing_cache{};  ///< TensorRT's engines: read and written; empty: the builder's own
  /// The cuda engine: a tuned plan of the same model for another shape, whose choices are taken; nothing is
  /// tuned then.
  const Plan* tactics_from = nullptr;
  /// The cuda engine: false takes each step's default kernel instead of measuring (seconds instead of a
  /// minute; slower plan).
  bool tune = true;
  /// Told of progress, 0..1 and what is being done; returns false to cancel (Error "interrupted.build").
  ///
  /// Threads: called by one thread at a time and only while build() runs, by the thread that called build()
  /// or by one of the builder's own (TensorRT 8, whose library tells no progress: each second). What it
  /// shares with other threads than that of build() needs a lock. It must not call the builder. What it
  /// throws ends the build as false does, and build() throws it.
  std::function<bool(double, std::string_view)> progress{};
};

/// A built engine as bytes, with what is needed to say whether it still fits.
struct Plan {
  std::string engine;  ///< Builder::name()
  Precision precision = Precision::fp32;
  std::string library_versions;  ///< "openvino 2026.4.1"; compared as text
  std::string device_name;       ///< "NVIDIA H100 80GB HBM3 (compute capability 9.0)" or CPU features
  std::vector<std::byte> bytes;  ///< the engine's own format
  /// What the builder has to say for the record, one sentence each: "All 171 layers compute in FP16."
  std::vector<std::string> notes{};
};

/// One layer of an engine, as timed by itself.
struct LayerTime {
  std::string name;               ///< the graph node that gives it its kind
  std::string what;               ///< kind and shape
  std::string kernel;             ///< what was chosen to run it
  double microseconds = 0;        ///< median, warm caches
  double least_microseconds = 0;  ///< its roofline on an H100: bytes or arithmetic, whichever takes longer
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::span<const Binding> io() const = 0;
  /// Engines with an open batch: io() shows this one from now on instead of the largest, where it is not
  /// under the least. Throws Error "usage.batch" for one beyond the largest. Others have one batch, and stay
  /// as they are.
  virtual void prefer_batch(int) {}
  /// What really runs, as the library reports it (OpenVINO may refuse a precision).
  virtual Precision precision() const = 0;
  /// Runs once: `bindings` in the order of io(). On a device: asynchronous on `stream`, allocates nothing,
  /// never synchronises, can be captured in a CUDA graph. On the CPU: returns when done.
  virtual void enqueue(std::span<const TensorView> bindings, StreamHandle stream) = 0;
  /// False where the library cannot have this engine captured: it is then enqueued for each run.
  virtual bool capturable(StreamHandle) const { return true; }
  /// Times each layer by itself on the bindings of the last enqueue(), whose contents it spoils; waits. Empty
  /// where the engine cannot tell.
  virtual std::vector<LayerTime> time_layers(StreamHandle) { return {}; }
};

class Builder {
 public:
  virtual ~Builder() = default;
  virtual std::string name() const = 0;  ///< "openvino", "cuda", "tensorrt", "tensorrt-rtx"
  /// "openvino 2026.4.1": part of a plan's identity; a plan of other versions is built again.
  virtual std::string library_versions() const = 0;
  /// "NVIDIA H100 80GB HBM3 (compute capability 9.0)", or the CPU with its features: likewise.
  virtual std::string device_name(const Device& device) const = 0;
  /// One sentence a node that this engine cannot run, naming it; from the same table that lowers. `options`:
  /// of the build that is asked about.
  virtual std::vector<std::string> unsupported(const graph::Graph& graph,
                                               const BuildOptions& options) const = 0;
  /// Whether a build takes minutes, however small the graph is.
  virtual bool has_long_builds() const { return false; }
  /// Whether its FP16 kernels may add up in FP16: long sums then deviate by more than their two roundings.
  virtual bool accumulates_in_fp16() const { return false; }
  /// Whether it builds for BuildOptions::batches.
  virtual bool has_open_batch() const { return false; }
  /// Why plans cannot be run on this device of this machine, though they may be built: one sentence; empty
  /// where they can.
  virtual std::string cannot_run(const Device&) const { return {}; }
  virtual Plan build(const graph::Graph& graph, const BuildOptions& options) const = 0;
  /// `pool`: where the engine takes its device memory, now and not when it runs; it outlives the engine.
  /// Null: it takes its own.
  virtual std::unique_ptr<Engine> load(const Plan& plan, const Device& device,
                                       const cuda::MemoryPool* pool) const = 0;
  std::unique_ptr<Engine> load(const Plan& plan, const Device& device) const {
    return load(plan, device, nullptr);
  }
};

}  // namespace peregrine
