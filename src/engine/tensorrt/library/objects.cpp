#include "engine/tensorrt/library/objects.h"

#include <algorithm>
#include <utility>

#include "engine/tensorrt/library/tactic_sources.h"
#include "peregrine/error.h"

namespace peregrine::tensorrt {

namespace {

/// Of timing caches: those of another GPU or version do not fit.
constexpr bool ignore_mismatch = false;

std::string text(const char* words) { return words ? words : ""; }

/// Throws what the library logged where a factory gave nothing.
void* require(void* object, const Library& library, const char* what) {
  if (!object) throw_failure(library, what);
  return object;
}

void* created(void* object, const View& by, const char* what) { return require(object, by.library(), what); }

std::span<const std::byte> bytes_of(void* memory, const Slots& slots) {
  const auto size = call<std::size_t>(memory, slots.host_memory.size);
  return {static_cast<const std::byte*>(call<void*>(memory, slots.host_memory.data)), size};
}

}  // namespace

const char* to_string(DataType type) noexcept {
  constexpr const char* names[] = {"FP32", "FP16", "INT8",  "INT32", "BOOL", "UINT8",
                                   "FP8",  "BF16", "INT64", "INT4",  "FP4",  "E8M0"};
  const auto index = static_cast<std::size_t>(type);
  return index < std::size(names) ? names[index] : "of an unknown type";
}

Dims to_dims(const Shape& shape) noexcept {
  Dims dims;
  dims.count = static_cast<std::int32_t>(shape.rank());
  std::ranges::copy(shape, dims.extents);
  return dims;
}

Dims to_dims(const Dims32& dims) noexcept {
  Dims wide{.count = dims.count};
  std::ranges::copy(dims.extents, wide.extents);
  return wide;
}

Dims32 to_dims32(const Shape& shape) noexcept {
  Dims32 dims{.count = static_cast<std::int32_t>(shape.rank())};
  std::ranges::transform(shape, dims.extents,
                         [](std::int64_t extent) { return static_cast<std::int32_t>(extent); });
  return dims;
}

Shape to_shape(const Dims& dims) {
  if (dims.count < 0 || dims.count > static_cast<int>(Shape::max_rank))
    throw Error("engine.tensorrt", "TensorRT describes a tensor that cannot be.",
                "The library may be damaged: install it again.");
  return Shape(std::span(dims.extents, static_cast<std::size_t>(dims.count)));
}

Owner::~Owner() {
  if (owned_) call_own<void>(get(), deleting_destructor);
}

Owner::Owner(Owner&& other) noexcept : View(other), owned_(std::exchange(other.owned_, false)) {}

std::string Tensor::name() const { return text(call<const char*>(slots().tensor.name)); }
void Tensor::set_name(const char* name) const { call<void>(slots().tensor.set_name, name); }
Dims Tensor::dims() const { return dims_of(slots().tensor.dimensions); }
DataType Tensor::type() const { return static_cast<DataType>(call<std::int32_t>(slots().tensor.type)); }

void Tensor::require_type(DataType type) const {
  constexpr std::uint32_t linear = 1u << 0;
  call<void>(slots().tensor.set_type, static_cast<std::int32_t>(type));
  call<void>(slots().tensor.set_formats, linear);
}

std::string Layer::name() const { return text(call<const char*>(slots().layer.name)); }
std::string Layer::metadata() const {
  return slots().layer.metadata == absent ? "" : text(call<const char*>(slots().layer.metadata));
}

std::vector<Tensor> Layer::tensors(int count_slot, int slot) const {
  std::vector<Tensor> all;
  for (std::int32_t i = 0, count = call<std::int32_t>(count_slot); i < count; ++i)
    if (void* tensor = call<void*>(slot, i)) all.emplace_back(tensor, library());
  return all;
}

std::vector<Tensor> Layer::inputs() const { return tensors(slots().layer.input_count, slots().layer.input); }
std::vector<Tensor> Layer::outputs() const {
  return tensors(slots().layer.output_count, slots().layer.output);
}

void Layer::prefer(DataType type) const {
  call<void>(slots().layer.set_precision, static_cast<std::int32_t>(type));
  for (std::int32_t i = 0, count = call<std::int32_t>(slots().layer.output_count); i < count; ++i)
    call<void>(slots().layer.set_output_type, i, static_cast<std::int32_t>(type));
}

bool Profile::set(const std::string& input, ProfileEnd end, const Shape& shape) const {
  return call_with<bool>(shape, slots().profile.set_dimensions, input.c_str(),
                         static_cast<std::int32_t>(end));
}

bool Profile::valid() const { return call<bool>(slots().profile.is_valid); }

std::span<const std::byte> HostMemory::bytes() const { return bytes_of(get(), slots()); }

std::vector<std::byte> TimingCache::serialize() const {
  void* memory = call<void*>(slots().timing_cache.serialize);
  if (!memory) return {};
  const HostMemory owner(memory, library());
  const auto bytes = owner.bytes();
  return {bytes.begin(), bytes.end()};
}

bool TimingCache::combine(const TimingCache& other) const {
  return call<bool>(slots().timing_cache.combine, other.get(), ignore_mismatch);
}

Tensor NetworkDefinition::add_input(const char* name, DataType type, const Shape& shape) const {
  void* tensor = call_with<void*>(shape, slots().network.add_input, name, static_cast<std::int32_t>(type));
  return {created(tensor, *this, "add an input"), library()};
}

Layer NetworkDefinition::add_relu(const Tensor& input) const {
  void* layer = call<void*>(slots().network.add_activation, input.get(),
                            static_cast<std::int32_t>(ActivationType::relu));
  return {created(layer, *this, "add a layer"), library()};
}

void NetworkDefinition::mark_output(const Tensor& tensor) const {
  call<void>(slots().network.mark_output, tensor.get());
}

std::vector<Layer> NetworkDefinition::layers() const {
  std::vector<Layer> all;
  for (std::int32_t i = 0, count = call<std::int32_t>(slots().network.layer_count); i < count; ++i)
    all.emplace_back(created(call<void*>(slots().network.layer, i), *this, "name its layers"), library());
  return all;
}

std::vector<Tensor> NetworkDefinition::inputs() const {
  std::vector<Tensor> all;
  for (std::int32_t i = 0, count = call<std::int32_t>(slots().network.input_count); i < count; ++i)
    all.emplace_back(created(call<void*>(slots().network.input, i), *this, "name its inputs"), library());
  return all;
}

std::vector<Tensor> NetworkDefinition::outputs() const {
  std::vector<Tensor> all;
  for (std::int32_t i = 0, count = call<std::int32_t>(slots().network.output_count); i < count; ++i)
    all.emplace_back(created(call<void*>(slots().network.output, i), *this, "name its outputs"), library());
  return all;
}

void BuilderConfig::disable_tf32() const {
  call<void>(slots().config.clear_flag, static_cast<std::int32_t>(slots().builder_flags.tf32));
}

void BuilderConfig::enable_fp16() const {
  for (const std::int32_t flag : {slots().builder_flags.fp16, slots().builder_flags.prefer_precision})
    call<void>(slots().config.set_flag, flag);
}

std::vector<std::string> BuilderConfig::use_tactics_of_present_libraries() const {
  if (slots().config.set_tactic_sources == absent) return {};
  auto sources = call<std::uint32_t>(slots().config.get_tactic_sources);
  std::vector<std::string> forbidden;
  for (const TacticLibrary& library : missing_tactic_libraries()) {
    sources &= ~static_cast<std::uint32_t>(library.source);
    forbidden.emplace_back(library.name);
  }
  if (!forbidden.empty() && !call<bool>(slots().config.set_tactic_sources, sources))
    throw_failure(this->library(), "build without " + forbidden.front());
  return forbidden;
}

void BuilderConfig::add(const Profile& profile) const {
  if (!profile.valid() || call<std::int32_t>(slots().config.add_profile, profile.get()) < 0)
    throw_failure(library(), "take these batches");
}

void BuilderConfig::set_verbosity(Verbosity verbosity) const {
  call<void>(slots().config.set_verbosity, static_cast<std::int32_t>(verbosity));
}

void BuilderConfig::set_workspace(std::size_t bytes) const {
  call<void>(slots().config.set_memory_limit, static_cast<std::int32_t>(MemoryPool::workspace), bytes);
}

std::size_t BuilderConfig::workspace() const {
  return call<std::size_t>(slots().config.get_memory_limit, static_cast<std::int32_t>(MemoryPool::workspace));
}

void BuilderConfig::set_optimization_level(int level) const {
  if (slots().config.set_optimization_level == absent)
    throw Error("usage.optimization", to_string(library().version()) + " has no optimization level.",
                "Leave out --opt-level.");
  call<void>(slots().config.set_optimization_level, static_cast<std::int32_t>(level));
}

bool BuilderConfig::tells_progress() const { return slots().config.set_progress_monitor != absent; }

void BuilderConfig::set_progress(ProgressMonitor* monitor) const {
  if (!tells_progress()) return;
  call<void>(slots().config.set_progress_monitor, monitor ? monitor->object() : nullptr);
}

bool BuilderConfig::set_compute_capabilities(const std::vector<int>& capabilities) const {
  if (slots().config.set_capability == absent) return false;
  if (!call<bool>(slots().config.set_capability_count, static_cast<std::int32_t>(capabilities.size())))
    return false;
  for (std::size_t i = 0; i < capabilities.size(); ++i)
    if (!call<bool>(slots().config.set_capability, static_cast<std::int32_t>(capabilities[i]),
                    static_cast<std::int32_t>(i)))
      return false;
  return true;
}

std::optional<TimingCache> BuilderConfig::create_timing_cache(std::span<const std::byte> bytes) const {
  const void* data = bytes.empty() ? nullptr : bytes.data();
  void* object = call<void*>(slots().config.create_timing_cache, data, bytes.size());
  if (!object) return {};
  return std::optional<TimingCache>(std::in_place, object, library());
}

bool BuilderConfig::use(const TimingCache& cache) const {
  return call<bool>(slots().config.set_timing_cache, cache.get(), ignore_mismatch);
}

BuilderObject::BuilderObject(const Library& library)
    : Owner(require(library.create_builder(), library, "make a builder"), library) {}

NetworkDefinition BuilderObject::create_network() const {
  void* network = call<void*>(slots().builder.create_network, slots().network_flags);
  return {created(network, *this, "make a network"), library()};
}

BuilderConfig BuilderObject::create_config() const {
  return {created(call<void*>(slots().builder.create_config), *this, "make a configuration"), library()};
}

Profile BuilderObject::create_profile() const {
  return {created(call<void*>(slots().builder.create_profile), *this, "make a profile"), library()};
}

std::optional<HostMemory> BuilderObject::build(const NetworkDefinition& network,
                                               const BuilderConfig& config) const {
  void* plan = call<void*>(slots().builder.build_serialized, network.get(), config.get());
  if (!plan) return {};
  return std::optional<HostMemory>(std::in_place, plan, library());
}

Parser::Parser(const NetworkDefinition& network)
    : object_(
          require(network.library().create_parser(network.get()), network.library(), "make an ONNX parser")),
      library_(network.library()) {}

Parser::~Parser() { call_own<void>(object_, library_.slots().parser.destroy); }

bool Parser::parse(std::span<const std::byte> file) const {
  const void* data = file.data();
  const char* no_path = nullptr;
  return call_own<bool>(object_, library_.slots().parser.parse, data, file.size(), no_path);
}

std::vector<ParserComplaint> Parser::complaints() const {
  const auto& slots = library_.slots();
  const auto words = [](void* error, int slot) {
    return slot == absent ? "" : text(call_own<const char*>(error, slot));
  };
  std::vector<ParserComplaint> all;
  for (int i = 0, count = call_own<int>(object_, slots.parser.error_count); i < count; ++i) {
    void* error = call_own<void*>(object_, slots.parser.error, i);
    if (!error) continue;
    all.push_back({.code = call_own<int>(error, slots.parser_error.code),
                   .node = call_own<int>(error, slots.parser_error.node),
                   .description = words(error, slots.parser_error.description),
                   .node_name = words(error, slots.parser_error.node_name),
                   .node_operator = words(error, slots.parser_error.node_operator)});
  }
  return all;
}

RuntimeObject::RuntimeObject(const Library& library)
    : Owner(require(library.create_runtime(), library, "make a runtime"), library) {}

std::optional<EngineObject> RuntimeObject::deserialize(std::span<const std::byte> plan) const {
  const void* data = plan.data();
  const void* plugin_factory = nullptr;
  void* engine = slots().abi == Abi::tensorrt_8
                     ? call<void*>(slots().runtime.deserialize, data, plan.size(), plugin_factory)
                     : call<void*>(slots().runtime.deserialize, data, plan.size());
  if (!engine) return {};
  return std::optional<EngineObject>(std::in_place, engine, library());
}

bool ExecutionContext::set_input_shape(const char* name, const Shape& shape) const {
  const auto set = [&](auto dims) {  // by reference in every layout
    const auto* reference = &dims;
    return call<bool>(slots().context.set_input_shape, name, reference);
  };
  return slots().abi == Abi::tensorrt_8 ? set(to_dims32(shape)) : set(to_dims(shape));
}

Dims ExecutionContext::shape_of(const char* name) const { return dims_of(slots().context.shape, name); }
bool ExecutionContext::set_address(const char* name, void* data) const {
  return call<bool>(slots().context.set_address, name, data);
}
void ExecutionContext::set_memory(void* memory, std::int64_t bytes) const {
  if (slots().abi == Abi::tensorrt_8)
    call<void>(slots().context.set_memory, memory);
  else
    call<void>(slots().context.set_memory, memory, bytes);
}
bool ExecutionContext::enqueue(void* stream) const { return call<bool>(slots().context.enqueue, stream); }

bool ExecutionContext::capturable(void* stream) const {
  return slots().context.capturable == absent || call<bool>(slots().context.capturable, stream);
}

std::vector<std::string> EngineObject::io_names() const {
  std::vector<std::string> names;
  for (std::int32_t i = 0, count = call<std::int32_t>(slots().engine.io_count); i < count; ++i)
    names.push_back(text(call<const char*>(slots().engine.io_name, i)));
  return names;
}

bool EngineObject::is_input(const std::string& name) const {
  return static_cast<IoMode>(call<std::int32_t>(slots().engine.mode, name.c_str())) == IoMode::input;
}

Dims EngineObject::shape_of(const std::string& name) const {
  return dims_of(slots().engine.shape, name.c_str());
}

DataType EngineObject::type_of(const std::string& name) const {
  return static_cast<DataType>(call<std::int32_t>(slots().engine.type, name.c_str()));
}

Dims EngineObject::profile_shape(const std::string& name, ProfileEnd end) const {
  constexpr std::int32_t first_profile = 0;
  return dims_of(slots().engine.profile_shape, name.c_str(), first_profile, static_cast<std::int32_t>(end));
}

std::optional<std::int64_t> EngineObject::memory_bytes() const {
  if (slots().engine.memory_size == absent) return {};
  return call<std::int64_t>(slots().engine.memory_size);
}

std::optional<ExecutionContext> EngineObject::create_context(ContextMemory memory) const {
  const auto& engine = slots().engine;
  void* context = slots().abi != Abi::tensorrt_8
                      ? call<void*>(engine.create_context, static_cast<std::int32_t>(memory))
                      : call<void*>(memory == ContextMemory::user ? engine.create_context_without_memory
                                                                  : engine.create_context);
  if (!context) return {};
  return std::optional<ExecutionContext>(std::in_place, context, library());
}

std::string EngineObject::inspect() const {
  void* object = call<void*>(slots().engine.create_inspector);
  if (!object) return {};
  const Owner inspector(object, library());
  return text(tensorrt::call<const char*>(object, slots().inspector.engine_information,
                                          static_cast<std::int32_t>(InformationFormat::json)));
}

}  // namespace peregrine::tensorrt
