// The half of the double that builds: timing cache, configuration, profile, builder. Its plan is a line, and
// the ONNX file.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>
#include <thread>

#include "double_network.h"

namespace tensorrt_double {

namespace {

/// What was measured: one word a build.
struct CacheState : Implementation {
  std::set<std::string> words;

  void add(const std::string& text) {
    std::istringstream stream(text);
    for (std::string word; stream >> word;) words.insert(word);
  }
};
using Cache = Api<CacheState>;

void* make_cache(const void* data, std::size_t size) {
  static Table table{
      {2,
       +[](CacheState* self) {
         std::string text;
         for (const std::string& word : self->words) text += word + ' ';
         return make_memory(text);
       }},
      {3,
       +[](CacheState* self, Cache* other, bool) {
         self->words.insert(other->state->words.begin(), other->state->words.end());
         return true;
       }},
  };
  auto* state = new CacheState;
  state->add(std::string(static_cast<const char*>(data), size));
  return Cache::make(table, state);
}

struct ConfigState : Implementation {
  std::size_t workspace = std::size_t{64} << 30;
  void* monitor = nullptr;
  void* profile = nullptr;
  CacheState* cache = nullptr;
  std::uint32_t flags = 0;                ///< TensorRT 8
  std::uint32_t tactic_sources = 0b1111;  ///< TensorRT 8: of them 0 to 2 are libraries that are not here
};
using Config = Api<ConfigState>;

struct ProfileState : Implementation {
  std::int64_t batches[3] = {0, 0, 0};
};

Table& config_table() {
  static Table table = [] {
    Table all{
        {slot(14, 10, 8),
         +[](ConfigState*, std::int32_t flag) {
           if (flag != slot(7, 6, 6)) report_misuse("another flag than TF32 was cleared");
         }},
        {slot(29, 25, 23),
         +[](ConfigState* self, void* profile) {
           self->profile = profile;
           return fails("add_profile") ? -1 : 0;
         }},
        {slot(31, 27, 25), +[](ConfigState*, std::int32_t) {}},
        {slot(44, 40, 29),
         +[](ConfigState*, const void* data, std::size_t size) {
           return fails("create_timing_cache") ? nullptr : make_cache(data, size);
         }},
        {slot(45, 41, 30),
         +[](ConfigState* self, Cache* cache, bool) {
           self->cache = cache->state;
           return true;
         }},
        {slot(47, 43, 32),
         +[](ConfigState* self, std::int32_t, std::size_t bytes) { self->workspace = bytes; }},
        {slot(48, 44, 33), +[](ConfigState* self, std::int32_t) { return self->workspace; }},
    };
    if (DOUBLE_VERSION / 100 != 85)
      all.add(
          slot(51, 47, 36), +[](ConfigState*, std::int32_t) {});
    if (eight) {
      all.add(
          15, +[](ConfigState* self, std::int32_t flag) { self->flags |= 1u << flag; });
      all.add(
          42, +[](ConfigState* self, std::uint32_t sources) {
            self->tactic_sources = sources;
            return true;
          });
      all.add(
          43, +[](ConfigState* self) { return self->tactic_sources; });
    } else {
      all.add(
          slot(0, 56, 45), +[](ConfigState* self, void* monitor) { self->monitor = monitor; });
    }
    if (rtx) {
      all.add(
          55, +[](ConfigState*, std::int32_t) { return !fails("capabilities"); });
      all.add(
          57, +[](ConfigState*, std::int32_t, std::int32_t) { return true; });
    }
    return all;
  }();
  return table;
}

/// Two nested phases; false when told to stop.
bool report_progress(void* monitor) {
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

/// A workspace and the inputs do not fit into what the GPU is told to have.
bool memory_runs_out(const NetworkState& network, const ConfigState& config) {
  const char* mebibytes = std::getenv("TENSORRT_DOUBLE_MEMORY");
  if (!mebibytes) return false;
  std::size_t bytes = config.workspace;
  for (const auto& input : network.inputs) {
    std::size_t elements = 1;
    const Dims& dims = input->value.dims;
    for (std::int32_t i = 0; i < dims.count; ++i) elements *= static_cast<std::size_t>(dims.extents[i]);
    bytes += elements * (input->value.type == half ? 2 : 4);
  }
  if (bytes <= std::stoull(mebibytes) << 20) return false;
  if (!eight) log_error("[defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)");
  return true;
}

/// What nobody asked for follows what it reads; constants stay as they are.
bool is_single(const LayerState& layer, const std::set<std::string>& single_tensors) {
  const auto named_by = [&](const char* variable) {
    const char* name = std::getenv(variable);
    return name && layer.name == name;
  };
  if (named_by("TENSORRT_DOUBLE_HALF")) return false;
  if (named_by("TENSORRT_DOUBLE_SINGLE")) return true;
  if (layer.wanted >= 0) return layer.wanted == single;
  return layer.inputs.empty() || std::ranges::any_of(layer.inputs, [&](const auto& input) {
           return single_tensors.contains(input->value.name);
         });
}

/// What TensorRT 8 made of the wishes: the type of inputs and outputs, and the layers in FP32.
std::string precisions(const NetworkState& network, const ConfigState& config) {
  if (!eight) return {};
  const bool may_be_half = (config.flags & 1u) != 0 && !std::getenv("TENSORRT_DOUBLE_TYPE");
  std::string text = network.outputs.empty() || network.outputs[0]->value.type == half ? " 1 " : " 0 ";
  std::set<std::string> single_tensors;
  for (const auto& layer : network.layers) {
    if (may_be_half && !is_single(layer->value, single_tensors)) continue;
    text += layer->value.name + '|';
    for (const auto& output : layer->value.outputs) single_tensors.insert(output->value.name);
  }
  return text;
}

/// Until the file is there that TENSORRT_DOUBLE_WAIT names, a minute at most.
void wait_if_told() {
  const char* file = std::getenv("TENSORRT_DOUBLE_WAIT");
  for (int i = 0; file && i < 6000 && !std::filesystem::exists(file); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

void* build(Implementation*, Network* network, Config* config) {
  const NetworkState& state = *network->state;
  wait_if_told();
  if (eight && (config->state->tactic_sources & 0b111u) != 0)
    report_misuse("a library that is not there gives tactics");
  if (!state.file.empty() && !state.parser_lives) report_misuse("the parser died before the build");
  if (!report_progress(config->state->monitor)) {
    log_error("Error Code 7: BuildCanceled");
    return nullptr;
  }
  if (config->state->workspace < (std::size_t{4} << 20)) {
    log_error(eight ? "Error Code 10: Internal Error (Could not find any implementation for node relu due to "
                      "insufficient workspace. See verbose log for requested sizes.)"
                    : "Error Code 2: OutOfMemory (Requested size was 4194304 bytes.)");
    return nullptr;
  }
  if (config->state->cache)
    config->state->cache->add("of-" + std::to_string(std::hash<std::string>{}(state.file)));
  if (eight && !fails("build") && memory_runs_out(state, *config->state)) {
    log_error(
        "Error Code 10: Internal Error (Could not find any implementation for node relu due to "
        "insufficient workspace. See verbose log for requested sizes.)");
    return nullptr;
  }
  if (fails("build") || memory_runs_out(state, *config->state)) return nullptr;
  std::string batches = "0 0 0";
  if (auto** profile = static_cast<void**>(config->state->profile)) {
    const auto& of_profile = static_cast<ProfileState*>(profile[1])->batches;
    batches = std::to_string(of_profile[0]) + ' ' + std::to_string(of_profile[1]) + ' ' +
              std::to_string(of_profile[2]);
  }
  return make_memory("vtrt double " + std::to_string(DOUBLE_VERSION) + ' ' + batches +
                     precisions(state, *config->state) + '\n' + state.file);
}

struct BuilderState : Implementation {
  ProfileState profile;  ///< the builder's own, with the outer object of two words
  void* outer[2] = {nullptr, &profile};
};

void* create_profile(BuilderState* self) {
  static Table table{
      {2,
       +[](ProfileState* profile, const char*, std::int32_t end, DimsArgument dims) {
         profile->batches[end] = dims_of(dims).extents[0];
         return !fails("set_dimensions");
       }},
      {slot(9, 9, 7), +[](ProfileState*) { return true; }},
  };
  self->profile.functions = table.slots;
  return fails("create_profile") ? nullptr : self->outer;
}

}  // namespace

void* make_builder() {
  static Table table{
      {slot(9, 7, 5),
       +[](BuilderState*) -> void* {
         return fails("create_config") ? nullptr : Config::make(config_table(), new ConfigState);
       }},
      {slot(11, 8, 6),
       +[](BuilderState*, unsigned flags) -> void* {
         if (flags != (eight ? 1u : ten ? 2u : 0u)) report_misuse("the network is of another kind");
         if (fails("create_network")) return nullptr;
         auto* network = new NetworkState;
         network->has_plugins = plugins_registered > 0;
         return Network::make(network_table(), network);
       }},
      {slot(12, 9, 7), &create_profile},
      {slot(17, 14, 11), &build},
  };
  return Api<BuilderState>::make(table, new BuilderState);
}

}  // namespace tensorrt_double
