// A test double of a TensorRT library that is of no use: it has a version, and objects whose tables are
// empty.
#include <cstdint>

namespace {
void* nothing[200] = {};
void* object[2] = {nothing, nothing};
}  // namespace

extern "C" {
__attribute__((visibility("default"))) std::int32_t getInferLibVersion() { return DOUBLE_VERSION; }
__attribute__((visibility("default"))) std::int32_t getNvOnnxParserVersion() { return 100; }
__attribute__((visibility("default"))) void* createInferBuilder_INTERNAL(void*, std::int32_t) {
  return DOUBLE_FAILS ? nullptr : object;
}
__attribute__((visibility("default"))) void* createInferRuntime_INTERNAL(void*, std::int32_t) {
  return nullptr;
}
__attribute__((visibility("default"))) void* createNvOnnxParser_INTERNAL(void*, void*, std::int32_t) {
  return nullptr;
}
}
