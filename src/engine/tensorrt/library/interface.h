// TensorRT's binary interface: plain types, enumerations, and how an object's functions are called. No
// registry carries its headers; these are facts of the library, checked by the probe (probe.h) before a
// library is used.
#pragma once

#include <cstdint>

#include "peregrine/tensor.h"

namespace peregrine::tensorrt {

struct Dims {
  std::int32_t count = 0;
  std::int64_t extents[8] = {};
};
static_assert(sizeof(Dims) == 72);

/// As TensorRT 8 has it.
struct Dims32 {
  std::int32_t count = 0;
  std::int32_t extents[8] = {};
};
static_assert(sizeof(Dims32) == 36);

/// What a callback object says of itself.
struct InterfaceInfo {
  const char* kind;
  std::int32_t major, minor;
};
static_assert(sizeof(InterfaceInfo) == 16);

enum class DataType : std::int32_t { f32, f16, i8, i32, boolean, u8, f8, bf16, i64, i4, f4, e8m0 };
enum class IoMode : std::int32_t { none, input, output };
enum class Severity : std::int32_t { internal_error, error, warning, info, verbose };
enum class MemoryPool : std::int32_t { workspace = 0 };
enum class ProfileEnd : std::int32_t { min, opt, max };
enum class Verbosity : std::int32_t { layer_names, none, detailed };
enum class InformationFormat : std::int32_t { line, json };
enum class ActivationType : std::int32_t { relu = 0 };
/// Who provides the memory of an execution context.
enum class ContextMemory : std::int32_t { library = 0, user = 2 };

/// "FP32", "FP16", "INT8", ... as in the project's messages.
const char* to_string(DataType type) noexcept;
Dims to_dims(const Shape& shape) noexcept;
Dims to_dims(const Dims32& dims) noexcept;
Dims32 to_dims32(const Shape& shape) noexcept;
/// Throws Error "engine.tensorrt" for more dimensions than it can have.
Shape to_shape(const Dims& dims);

/// An object has two words: its own vtable, and a pointer to the implementation, whose vtable has the
/// functions. `slot` counts both destructors.
template <class Result, class... Arguments>
Result call(void* object, int slot, Arguments... arguments) {
  void* implementation = static_cast<void**>(object)[1];
  auto* functions = *static_cast<Result (***)(void*, Arguments...)>(implementation);
  return functions[slot](implementation, arguments...);
}

/// The ONNX parser's objects have no implementation behind them; every object is destroyed through its own
/// vtable.
template <class Result, class... Arguments>
Result call_own(void* object, int slot, Arguments... arguments) {
  auto* functions = *static_cast<Result (***)(void*, Arguments...)>(object);
  return functions[slot](object, arguments...);
}

}  // namespace peregrine::tensorrt
