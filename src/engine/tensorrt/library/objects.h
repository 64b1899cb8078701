// TensorRT's objects, typed. Owners destroy theirs; views (Tensor, Layer, Profile) belong to a network or
// builder. Every object keeps its library's layout; what refuses throws Error with the words that TensorRT
// logged.
//
// Lifetimes: network, configuration and timing cache die before their builder; a parser outlives the build,
// because it owns the weights. OnnxBuild (onnx_build.h) keeps that order.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/tensorrt/library/interface.h"
#include "engine/tensorrt/library/library.h"

namespace peregrine::tensorrt {

/// An object of the library, not owned.
class View {
 public:
  View(void* object, const Library& library) : object_(object), library_(&library) {}
  void* get() const noexcept { return object_; }
  const Library& library() const noexcept { return *library_; }

 protected:
  const Slots& slots() const noexcept { return library_->slots(); }
  template <class Result, class... Arguments>
  Result call(int slot, Arguments... arguments) const {
    return tensorrt::call<Result>(object_, slot, arguments...);
  }

  /// Calls a function that returns Dims, or takes them last and by value or reference, as the layout has it.
  template <class... Arguments>
  Dims dims_of(int slot, Arguments... arguments) const {
    return slots().abi == Abi::tensorrt_8 ? to_dims(call<Dims32>(slot, arguments...))
                                          : call<Dims>(slot, arguments...);
  }
  template <class Result, class... Arguments>
  Result call_with(const Shape& shape, int slot, Arguments... arguments) const {
    if (slots().abi == Abi::tensorrt_8) return call<Result>(slot, arguments..., to_dims32(shape));
    const Dims dims = to_dims(shape);
    return call<Result>(slot, arguments..., &dims);
  }

 private:
  void* object_;
  const Library* library_;
};

/// An object that its owner destroys.
class Owner : public View {
 public:
  using View::View;
  ~Owner();
  Owner(Owner&& other) noexcept;
  Owner& operator=(Owner&&) = delete;

 private:
  bool owned_ = true;
};

class Tensor : public View {
 public:
  using View::View;
  std::string name() const;
  void set_name(const char* name) const;
  Dims dims() const;
  DataType type() const;
  /// Of an input or output of a weakly typed network: its type, in a linear layout.
  void require_type(DataType type) const;
};

class Layer : public View {
 public:
  using View::View;
  std::string name() const;
  /// What the parser noted: names of the ONNX nodes. Empty where the layout has none.
  std::string metadata() const;
  /// In a weakly typed network: what the layer computes in, and what it gives.
  void prefer(DataType type) const;
  std::vector<Tensor> inputs() const;
  std::vector<Tensor> outputs() const;

 private:
  /// Those that are there: an input may be left out.
  std::vector<Tensor> tensors(int count_slot, int slot) const;
};

class Profile : public View {
 public:
  using View::View;
  /// False where the library refuses.
  bool set(const std::string& input, ProfileEnd end, const Shape& shape) const;
  bool valid() const;
};

class HostMemory : public Owner {
 public:
  using Owner::Owner;
  std::span<const std::byte> bytes() const;
};

class TimingCache : public Owner {
 public:
  using Owner::Owner;
  std::vector<std::byte> serialize() const;
  /// Takes over what `other` has and this has not. False where the library refuses: of another GPU or
  /// version.
  bool combine(const TimingCache& other) const;
};

class NetworkDefinition : public Owner {
 public:
  using Owner::Owner;
  Tensor add_input(const char* name, DataType type, const Shape& shape) const;
  Layer add_relu(const Tensor& input) const;
  void mark_output(const Tensor& tensor) const;
  std::vector<Layer> layers() const;
  std::vector<Tensor> inputs() const;
  std::vector<Tensor> outputs() const;
};

class BuilderConfig : public Owner {
 public:
  using Owner::Owner;
  void disable_tf32() const;
  /// For a weakly typed network: FP16 kernels are allowed, and the precision of a layer counts where there is
  /// a kernel for it.
  void enable_fp16() const;
  /// Forbids kernels of libraries that are not there. Returns what is forbidden, as "cuDNN"; nothing where
  /// the layout has no such choice.
  std::vector<std::string> use_tactics_of_present_libraries() const;
  /// Throws Error "engine.tensorrt".
  void add(const Profile& profile) const;
  void set_verbosity(Verbosity verbosity) const;
  void set_workspace(std::size_t bytes) const;
  std::size_t workspace() const;
  /// Throws Error "usage.optimization" where this TensorRT has none.
  void set_optimization_level(int level) const;
  /// Whether this TensorRT tells how far a build is.
  bool tells_progress() const;
  /// Nothing where tells_progress() is false.
  void set_progress(ProgressMonitor* monitor) const;
  /// 89 is compute capability 8.9. False where this TensorRT builds for the present GPU only, or refuses one
  /// of them.
  bool set_compute_capabilities(const std::vector<int>& capabilities) const;
  /// From the bytes that TimingCache::serialize gave, or empty; nothing where the library refuses them.
  std::optional<TimingCache> create_timing_cache(std::span<const std::byte> bytes) const;
  /// False where the library refuses it.
  bool use(const TimingCache& cache) const;
};

/// The factory of what a build needs.
class BuilderObject : public Owner {
 public:
  /// Throws Error "engine.tensorrt".
  explicit BuilderObject(const Library& library);
  NetworkDefinition create_network() const;
  BuilderConfig create_config() const;
  Profile create_profile() const;
  /// Nothing where the build failed; the reasons are in the log.
  std::optional<HostMemory> build(const NetworkDefinition& network, const BuilderConfig& config) const;
};

/// What an ONNX parser has against a file.
struct ParserComplaint {
  int code = 0, node = -1;  ///< node: index in the file; -1 where none is concerned; its name and operator
                            ///< are empty where the layout has none
  std::string description, node_name, node_operator;
};

class Parser {
 public:
  /// Fills `network`, once. Throws Error "engine.tensorrt".
  explicit Parser(const NetworkDefinition& network);
  ~Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  /// The bytes are not needed afterwards. True says little: an empty file gives an empty network.
  bool parse(std::span<const std::byte> file) const;
  std::vector<ParserComplaint> complaints() const;

 private:
  void* object_;
  const Library& library_;
};

class EngineObject;

class RuntimeObject : public Owner {
 public:
  /// Throws Error "engine.tensorrt".
  explicit RuntimeObject(const Library& library);
  /// Nothing where the library refuses the plan; the reasons are in the log.
  std::optional<EngineObject> deserialize(std::span<const std::byte> plan) const;
};

class ExecutionContext : public Owner {
 public:
  using Owner::Owner;
  bool set_input_shape(const char* name, const Shape& shape) const;
  Dims shape_of(const char* name) const;
  bool set_address(const char* name, void* data) const;
  void set_memory(void* memory, std::int64_t bytes) const;
  bool enqueue(void* stream) const;
  /// Whether a stream that captures may be given to enqueue().
  bool capturable(void* stream) const;
};

class EngineObject : public Owner {
 public:
  using Owner::Owner;
  std::vector<std::string> io_names() const;
  bool is_input(const std::string& name) const;
  Dims shape_of(const std::string& name) const;
  DataType type_of(const std::string& name) const;
  Dims profile_shape(const std::string& name, ProfileEnd end) const;
  /// Bytes that contexts need; nothing where the layout cannot tell, and the library provides them itself.
  std::optional<std::int64_t> memory_bytes() const;
  /// Nothing where the library refuses; the reasons are in the log.
  std::optional<ExecutionContext> create_context(ContextMemory memory) const;
  /// What the layers became, as JSON; empty where the library does not tell.
  std::string inspect() const;
};

}  // namespace peregrine::tensorrt
