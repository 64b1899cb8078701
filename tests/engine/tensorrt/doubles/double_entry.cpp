// A test double of TensorRT, complete enough to build, load and run what the project's own reader of ONNX
// reads: it proves our paths, not TensorRT. TENSORRT_DOUBLE_FAIL names the call that fails ("build",
// "enqueue"); with TENSORRT_DOUBLE_TYPE every tensor of a network is FP32; TENSORRT_DOUBLE_MEMORY is what a
// build has on the GPU, in MiB; TENSORRT_DOUBLE_HALF and TENSORRT_DOUBLE_SINGLE name a layer that TensorRT 8
// builds so whatever was asked for; TENSORRT_DOUBLE_WAIT is a file that a build waits for.
#include <cstring>
#include <mutex>
#include <set>

#include "double_layout.h"

namespace tensorrt_double {

extern std::atomic<int> runs;
extern std::atomic<void*> context_memory;
std::atomic<int> plugins_registered = 0, builders = 0;
void* logger = nullptr;

namespace {
std::mutex mutex;
std::set<std::string> misuse;
}  // namespace

void report_misuse(const std::string& what) {
  const std::scoped_lock lock(mutex);
  misuse.insert(what);
}

void log_error(const std::string& text) {
  auto* functions = *static_cast<void (***)(void*, std::int32_t, const char*)>(logger);
  functions[slot(0, 0, 4)](logger, 1, text.c_str());
}

bool fails(const char* call) {
  const char* wanted = std::getenv("TENSORRT_DOUBLE_FAIL");
  if (!wanted || std::strcmp(wanted, call) != 0) return false;
  log_error("double " + std::to_string(DOUBLE_VERSION) + " was told to fail in " + call);
  return true;
}

void* make_memory(std::string bytes) {
  static Table table{
      {2, +[](MemoryState* self) { return static_cast<const void*>(self->bytes.data()); }},
      {3, +[](MemoryState* self) { return self->bytes.size(); }},
  };
  auto* memory = new MemoryState;
  memory->bytes = std::move(bytes);
  return Api<MemoryState>::make(table, memory);
}

}  // namespace tensorrt_double

using namespace tensorrt_double;

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED std::int32_t getInferLibVersion() { return DOUBLE_VERSION; }
EXPORTED std::int32_t getNvOnnxParserVersion() { return 200; }

EXPORTED void* createInferBuilder_INTERNAL(void* log, std::int32_t version) {
  logger = log;
  ++builders;
  if (version != DOUBLE_VERSION) report_misuse("the builder was asked for in another version");
  return fails("create_builder") ? nullptr : make_builder();
}

EXPORTED void* createInferRuntime_INTERNAL(void* log, std::int32_t) {
  logger = log;
  return fails("create_runtime") ? nullptr : make_runtime();
}

EXPORTED void* createNvOnnxParser_INTERNAL(void* network, void* log, std::int32_t) {
  logger = log;
  return fails("create_parser") ? nullptr : make_parser(network);
}

// For the tests.
EXPORTED int double_alive() { return alive; }
EXPORTED int double_runs() { return runs; }
EXPORTED int double_builders() { return builders; }
/// Called by the plugins of this folder.
EXPORTED void double_register_plugins() { ++plugins_registered; }
EXPORTED int double_plugins_registered() { return plugins_registered; }
/// What the latest context was given; null where it has its own.
EXPORTED void* double_context_memory() { return context_memory; }
EXPORTED const char* double_misuse() { return misuse.empty() ? "" : misuse.begin()->c_str(); }
