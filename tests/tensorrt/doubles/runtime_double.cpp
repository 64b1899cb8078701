// A test double of TensorRT, complete enough to build, load and run: it proves our paths, not TensorRT. Its objects have the
// two-word layout and the vtables of the binary interface; the numbers here are taken from the published tables again, not
// from slots.h, and every slot that we have no business in ends the process by its number. Whatever the file, its network is
// y = relu(x) over [batch, 3, 4, 4].
//
// TENSORRT_DOUBLE_FAIL names the call that fails ("build", "enqueue"), TENSORRT_DOUBLE_TYPE=fp32 the type of the network.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr bool ten = DOUBLE_VERSION >= 100000 && DOUBLE_VERSION < 110000;
constexpr bool rtx = DOUBLE_VERSION < 100000;
constexpr int slot(int in_10, int in_11) { return ten ? in_10 : in_11; }

struct Dims {
  std::int32_t count;
  std::int64_t extents[8];
};
constexpr Dims open_shape{4, {-1, 3, 4, 4}};
constexpr std::int32_t single = 0, half = 1;

std::set<std::string> misuse_seen;
int alive = 0;
void* logger = nullptr;

void log_error(const char* text) {
  auto* functions = *static_cast<void (***)(void*, std::int32_t, const char*)>(logger);
  functions[slot(0, 4)](logger, 1, text);
}

/// Says why and is true where this call is to fail.
bool fails(const char* call) {
  const char* wanted = std::getenv("TENSORRT_DOUBLE_FAIL");
  if (!wanted || std::strcmp(wanted, call) != 0) return false;
  log_error((std::string("the double was told to fail in ") + call).c_str());
  return true;
}

template <int number>
void stray(void*) {
  std::fprintf(stderr, "the double was called at slot %d\n", number);
  std::abort();
}

struct Table {
  void* slots[100];
  Table() { fill(std::make_integer_sequence<int, 100>{}); }
  template <int... numbers>
  void fill(std::integer_sequence<int, numbers...>) {
    ((slots[numbers] = reinterpret_cast<void*>(&stray<numbers>)), ...);
  }
  template <class Function>
  Table& set(int number, Function* function) {
    slots[number] = reinterpret_cast<void*>(function);
    return *this;
  }
};

/// What an API object points to: its vtable comes first, as the interface has it.
struct Implementation {
  void** functions;
};

/// The API object: its own vtable, where only the destructor is ours to call, and its implementation.
template <class State>
struct Api {
  void** own;
  State* state;

  static void destroy(Api* api) {
    --alive;
    delete api->state;
    delete api;
  }
  static Api* make(Table& table, State* state) {
    static Table destructors = [] {
      Table all;
      all.set(1, &destroy);
      return all;
    }();
    ++alive;
    state->functions = table.slots;
    return new Api{destructors.slots, state};
  }
};

struct Memory : Implementation {
  std::string bytes;
};

struct TensorState : Implementation {
  std::string name;
  std::int32_t type = half;
  Dims dims = open_shape;
};

/// Owned by the network: nobody destroys them.
struct Tensor {
  void** own = nullptr;
  TensorState* state = nullptr;
};

struct NetworkState : Implementation {
  TensorState x, y;
  Tensor input, output;
  Implementation relu{};
  void* layer[2] = {nullptr, &relu};
  int layers = 0, inputs = 0, outputs = 0;
  bool parsed = false, parser_lives = false;
};
using Network = Api<NetworkState>;
NetworkState* last_network = nullptr;  // the layer's functions get the layer alone

Table& memory_table() {
  static Table table = [] {
    Table all;
    return all
        .set(
            2, +[](Memory* self) { return static_cast<const void*>(self->bytes.data()); })
        .set(
            3, +[](Memory* self) { return self->bytes.size(); });
  }();
  return table;
}

Table& tensor_table() {
  static Table table = [] {
    Table all;
    return all
        .set(
            2, +[](TensorState* self, const char* name) { self->name = name; })
        .set(
            3, +[](TensorState* self) { return self->name.c_str(); })
        .set(
            5, +[](TensorState* self) { return self->dims; })
        .set(
            slot(7, 6), +[](TensorState* self) { return self->type; });
  }();
  return table;
}

Table& layer_table() {
  static Table table = [] {
    Table all;
    return all
        .set(
            4, +[](void*) { return "relu"; })
        .set(
            7, +[](void*) { return 1; })
        .set(
            8, +[](void*, std::int32_t) { return static_cast<void*>(&last_network->output); })
        .set(
            slot(19, 12), +[](void*) { return "[ONNX Layer: node]"; });
  }();
  return table;
}

void add_input(NetworkState& network, const char* name, std::int32_t type, const Dims& dims) {
  network.x.functions = network.y.functions = tensor_table().slots;
  network.x.name = name;
  network.x.type = network.y.type = type;
  network.x.dims = network.y.dims = dims;
  network.input.state = &network.x;
  network.output.state = &network.y;
  network.inputs = 1;
}

void add_relu(NetworkState& network) {
  network.relu.functions = layer_table().slots;
  last_network = &network;
  network.layers = 1;
}

Table& network_table() {
  static Table table = [] {
    Table all;
    return all
        .set(
            2,
            +[](NetworkState* self, const char* name, std::int32_t type, const Dims* dims) -> void* {
              add_input(*self, name, type, *dims);
              return &self->input;
            })
        .set(
            3, +[](NetworkState* self, void*) { self->outputs = 1; })
        .set(
            4,
            +[](NetworkState* self, void*, std::int32_t) -> void* {
              add_relu(*self);
              return self->layer;
            })
        .set(
            12, +[](NetworkState* self) { return self->layers; })
        .set(
            13, +[](NetworkState* self, std::int32_t) -> void* { return self->layer; })
        .set(
            14, +[](NetworkState* self) { return self->inputs; })
        .set(
            15, +[](NetworkState* self, std::int32_t) -> void* { return &self->input; })
        .set(
            16, +[](NetworkState* self) { return self->outputs; })
        .set(
            17, +[](NetworkState* self, std::int32_t) -> void* { return &self->output; });
  }();
  return table;
}

struct ConfigState : Implementation {
  std::size_t workspace = std::size_t{64} << 30;
  void* monitor = nullptr;
};
using Config = Api<ConfigState>;

Table& cache_table() {
  static Table table = [] {
    Table all;
    return all.set(
        2, +[](Implementation*) -> void* {
          auto* memory = new Memory;
          memory->bytes = "cache";
          return Api<Memory>::make(memory_table(), memory);
        });
  }();
  return table;
}

Table& config_table() {
  static Table table = [] {
    Table all;
    if (rtx)
      all.set(
             55, +[](ConfigState*, std::int32_t) { return !fails("capabilities"); })
          .set(
              57, +[](ConfigState*, std::int32_t, std::int32_t) { return true; });
    return all
        .set(
            slot(10, 8), +[](ConfigState*, std::int32_t) {})
        .set(
            slot(25, 23), +[](ConfigState*, void*) { return fails("add_profile") ? -1 : 0; })
        .set(
            slot(27, 25), +[](ConfigState*, std::int32_t) {})
        .set(
            slot(40, 29),
            +[](ConfigState*, const void*, std::size_t) -> void* {
              return fails("create_timing_cache") ? nullptr : Api<Implementation>::make(cache_table(), new Implementation);
            })
        .set(
            slot(41, 30), +[](ConfigState*, void*, bool) { return true; })
        .set(
            slot(43, 32), +[](ConfigState* self, std::int32_t, std::size_t bytes) { self->workspace = bytes; })
        .set(
            slot(44, 33), +[](ConfigState* self, std::int32_t) { return self->workspace; })
        .set(
            slot(47, 36), +[](ConfigState*, std::int32_t) {})
        .set(
            slot(56, 45), +[](ConfigState* self, void* monitor) { self->monitor = monitor; });
  }();
  return table;
}

Table& profile_table() {
  static Table table = [] {
    Table all;
    return all
        .set(
            2, +[](Implementation*, const char*, std::int32_t, const Dims*) { return !fails("set_dimensions"); })
        .set(
            slot(9, 7), +[](Implementation*) { return true; });
  }();
  return table;
}

/// Two nested phases; false when told to stop.
bool report(void* monitor) {
  if (!monitor) return true;
  void** functions = *static_cast<void***>(monitor);
  const auto start = reinterpret_cast<void (*)(void*, const char*, const char*, std::int32_t)>(functions[4]);
  const auto step = reinterpret_cast<bool (*)(void*, const char*, std::int32_t)>(functions[5]);
  const auto finish = reinterpret_cast<void (*)(void*, const char*)>(functions[6]);
  bool goes_on = true;
  start(monitor, "Building engine", nullptr, 2);
  for (int i = 0; goes_on && i < 2; ++i) {
    start(monitor, "Timing", "Building engine", 1);
    goes_on = step(monitor, "Timing", 0);
    finish(monitor, "Timing");
    goes_on = goes_on && step(monitor, "Building engine", i);
  }
  finish(monitor, "Building engine");
  return goes_on;
}

void* build(Implementation*, Network* network, Config* config) {
  const NetworkState& state = *network->state;
  if (state.parsed && !state.parser_lives) misuse_seen.insert("the parser died before the build");
  if (!report(config->state->monitor)) {
    log_error("Error Code 7: BuildCanceled");
    return nullptr;
  }
  if (config->state->workspace < (std::size_t{4} << 20)) {
    log_error("Error Code 2: OutOfMemory (Requested size was 4194304 bytes.)");
    return nullptr;
  }
  if (fails("build")) return nullptr;
  auto* memory = new Memory;
  memory->bytes = "vtrt double " + std::to_string(DOUBLE_VERSION) + (state.x.type == half ? " half " : " float ");
  return Api<Memory>::make(memory_table(), memory);
}

Table& builder_table() {
  static Table table = [] {
    Table all;
    return all
        .set(
            slot(7, 5),
            +[](Implementation*) -> void* {
              return fails("create_config") ? nullptr : Config::make(config_table(), new ConfigState);
            })
        .set(
            slot(8, 6),
            +[](Implementation*, unsigned flags) -> void* {
              if (flags != (ten ? 2u : 0u)) misuse_seen.insert("the network is not strongly typed");
              return fails("create_network") ? nullptr : Network::make(network_table(), new NetworkState);
            })
        .set(
            slot(9, 7),
            +[](Implementation*) -> void* {
              static Implementation implementation{profile_table().slots};  // the builder's own
              static void* profile[2] = {nullptr, &implementation};
              return fails("create_profile") ? nullptr : profile;
            })
        .set(slot(14, 11), &build);
  }();
  return table;
}

// Running.

struct EngineState : Implementation {
  std::int32_t type = half;
};
using Engine = Api<EngineState>;

struct ContextState : Implementation {
  std::int32_t type = half;
  std::int64_t batch = 0;
  void *x = nullptr, *y = nullptr, *memory = nullptr;
  bool needs_memory = false;
};

constexpr std::int64_t memory_bytes = 4096;

/// What a kernel would do, at once: the fake CUDA's device memory is the host's.
bool enqueue(ContextState* self, void* stream) {
  if (fails("enqueue")) return false;
  if (self->needs_memory && !self->memory) misuse_seen.insert("a context without memory ran");
  if (!stream) misuse_seen.insert("ran on the default stream");
  if (!self->x || !self->y || self->batch < 1) {
    log_error("Error Code 3: API Usage Error (addresses or shapes are missing)");
    return false;
  }
  const auto count = static_cast<std::size_t>(self->batch * 3 * 4 * 4);
  if (self->type == half) {
    const auto* from = static_cast<const std::uint16_t*>(self->x);
    std::transform(from, from + count, static_cast<std::uint16_t*>(self->y),
                   [](std::uint16_t bits) { return bits & 0x8000 ? std::uint16_t{0} : bits; });
  } else {
    const auto* from = static_cast<const float*>(self->x);
    std::transform(from, from + count, static_cast<float*>(self->y), [](float value) { return std::max(value, 0.0f); });
  }
  return true;
}

Table& context_table() {
  static Table table = [] {
    Table all;
    if (rtx)
      all.set(
          52, +[](ContextState*, void*) { return !fails("capturable"); });
    if (DOUBLE_VERSION != 100000)
      all.set(
          slot(49, 48), +[](ContextState* self, void* memory, std::int64_t bytes) {
            if (bytes < memory_bytes) misuse_seen.insert("too little memory for a context");
            self->memory = memory;
          });
    return all
        .set(
            slot(21, 20),
            +[](ContextState* self, const char*, const Dims* dims) {
              if (fails("set_input_shape")) return false;
              self->batch = dims->extents[0];
              return true;
            })
        .set(
            slot(24, 23),
            +[](ContextState* self, const char* name, void* address) {
              (std::strcmp(name, "x") == 0 ? self->x : self->y) = address;
              return !fails("set_address");
            })
        .set(slot(37, 36), &enqueue);
  }();
  return table;
}

Table& inspector_table() {
  static Table table = [] {
    Table all;
    return all.set(
        6, +[](Implementation*, std::int32_t) {
          return R"({"Layers": [{"Name": "relu", "Outputs": [{"Format/Datatype": "Half NCHW"}]}]})";
        });
  }();
  return table;
}

Table& engine_table() {
  static Table table = [] {
    Table all;
    if (DOUBLE_VERSION != 100000)
      all.set(
          slot(52, 44), +[](EngineState*) { return memory_bytes; });
    return all
        .set(
            5,
            +[](EngineState* self, std::int32_t strategy) -> void* {
              if (fails("create_context")) return nullptr;
              auto* context = new ContextState;
              context->type = self->type;
              context->needs_memory = strategy == 2;
              return Api<ContextState>::make(context_table(), context);
            })
        .set(
            slot(18, 14),
            +[](EngineState*) -> void* {
              return fails("create_inspector") ? nullptr : Api<Implementation>::make(inspector_table(), new Implementation);
            })
        .set(
            slot(20, 16), +[](EngineState* self, const char*) { return self->type; })
        .set(
            slot(23, 19), +[](EngineState*, const char* name) { return std::strcmp(name, "x") == 0 ? 1 : 2; })
        .set(
            slot(30, 26), +[](EngineState*) { return 2; })
        .set(
            slot(31, 27),
            +[](EngineState*, std::int32_t index) { return index == 0 ? (fails("io_name") ? "another" : "x") : "y"; });
  }();
  return table;
}

Table& runtime_table() {
  static Table table = [] {
    Table all;
    return all.set(
        3, +[](Implementation*, const void* plan, std::size_t size) -> void* {
          const std::string text(static_cast<const char*>(plan), size);
          if (!text.starts_with("vtrt double " + std::to_string(DOUBLE_VERSION))) {
            log_error("Assertion header.magicTag == kEXPECTED_MAGIC_TAG failed");
            return nullptr;
          }
          if (fails("deserialize")) return nullptr;
          auto* engine = new EngineState;
          engine->type = text.find("half") == std::string::npos ? single : half;
          return Engine::make(engine_table(), engine);
        });
  }();
  return table;
}

// The parser: its objects are called through their own vtables.

struct Parser {
  void** functions;
  NetworkState* network;
  bool refuses = false;
};

Table& complaint_table() {
  static Table table = [] {
    Table all;
    return all
        .set(
            0, +[](void*) { return 6; })
        .set(
            1, +[](void*) { return "No importer for this operator"; })
        .set(
            5, +[](void*) { return 3; })
        .set(
            6, +[](void*) { return "model.3.odd"; })
        .set(
            7, +[](void*) { return "Odd"; });
  }();
  return table;
}

Table& parser_table() {
  static Table table = [] {
    Table all;
    return all
        .set(
            0,
            +[](Parser* self, const void*, std::size_t, const char*) {
              if (fails("parse")) {
                self->refuses = true;
                return false;
              }
              const char* type = std::getenv("TENSORRT_DOUBLE_TYPE");
              add_input(*self->network, "x", type ? single : half, open_shape);
              self->network->y.name = "y";
              add_relu(*self->network);
              self->network->outputs = 1;
              self->network->parsed = true;
              return true;
            })
        .set(
            slot(5, 3), +[](Parser* self) { return self->refuses ? 1 : 0; })
        .set(
            slot(6, 4),
            +[](Parser*, std::int32_t) -> void* {
              static void** complaint = complaint_table().slots;
              return &complaint;
            })
        .set(
            slot(9, 7), +[](Parser* self) {
              self->network->parser_lives = false;
              delete self;
            });
  }();
  return table;
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED std::int32_t getInferLibVersion() { return DOUBLE_VERSION; }
EXPORTED std::int32_t getNvOnnxParserVersion() { return 200; }

EXPORTED void* createInferBuilder_INTERNAL(void* log, std::int32_t version) {
  logger = log;
  if (version != DOUBLE_VERSION) misuse_seen.insert("the builder was asked for in another version");
  return fails("create_builder") ? nullptr : Api<Implementation>::make(builder_table(), new Implementation);
}

EXPORTED void* createInferRuntime_INTERNAL(void* log, std::int32_t) {
  logger = log;
  return fails("create_runtime") ? nullptr : Api<Implementation>::make(runtime_table(), new Implementation);
}

EXPORTED void* createNvOnnxParser_INTERNAL(void* network, void* log, std::int32_t) {
  logger = log;
  if (fails("create_parser")) return nullptr;
  NetworkState* state = static_cast<Network*>(network)->state;
  state->parser_lives = true;
  return new Parser{parser_table().slots, state};
}

// For the tests.
EXPORTED int double_alive() { return alive; }
EXPORTED const char* double_misuse() { return misuse_seen.empty() ? "" : misuse_seen.begin()->c_str(); }
