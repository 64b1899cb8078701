// The places of functions in TensorRT's vtables, and the only file that knows them. Four layouts: TensorRT
// 8.5 and 8.6, TensorRT 10, TensorRT 11, TensorRT-RTX from 1.5. Slots count both destructors; a wrong one is
// a crash, hence probe.h.
//
// To add a function: a member here, its number in each column, and a method in objects.h.
#pragma once

#include <cstdint>

namespace peregrine::tensorrt {

/// A layout that has no such function.
inline constexpr int absent = -1;
/// In an object's own vtable: what its owner destroys it by.
inline constexpr int deleting_destructor = 1;

/// How values are passed, and what types of tensors mean.
enum class Abi : std::uint8_t {
  /// Dims has 32-bit extents and is passed by value to a network and a profile; a runtime takes a plugin
  /// factory; an engine has one function for a context with memory and one for a context without. The types
  /// of
  /// a network are wishes: FP16 is a flag of the builder, and a precision of each layer.
  tensorrt_8,
  /// Dims has 64-bit extents and is passed by reference. A network is strongly typed.
  tensorrt_10
};

struct Slots {
  Abi abi = Abi::tensorrt_10;
  struct {
    int data = 2, size = 3;
  } host_memory;
  struct {
    int create_config, create_network, create_profile, build_serialized;
  } builder;
  struct {
    int set_flag, clear_flag, add_profile, set_verbosity, get_tactic_sources, set_tactic_sources,
        create_timing_cache, set_timing_cache, set_memory_limit, get_memory_limit, set_optimization_level,
        set_progress_monitor, set_capability_count, set_capability;
  } config;
  struct {
    int add_input = 2, mark_output = 3, add_activation = 4, layer_count = 12, layer = 13, input_count = 14,
        input = 15, output_count = 16, output = 17;
  } network;
  struct {
    int set_name = 2, name = 3, dimensions = 5, set_type, type, set_formats;
  } tensor;
  struct {
    int name = 4, input_count = 5, input = 6, output_count = 7, output = 8, set_precision, set_output_type,
        metadata;
  } layer;
  struct {
    int set_dimensions = 2, is_valid;
  } profile;
  struct {
    int serialize = 2, combine = 3;
  } timing_cache;
  struct {
    int deserialize = 3;
  } runtime;
  struct {
    int create_context = 5, create_context_without_memory, create_inspector, shape, type, mode, profile_shape,
        io_count, io_name, memory_size;
  } engine;
  struct {
    int set_input_shape, shape, set_address, enqueue, set_memory, capturable;
  } context;
  struct {
    int engine_information = 6;
  } inspector;
  struct {
    int parse = 0, error_count, error, destroy;
  } parser;  ///< in the object's own vtable
  struct {
    int code = 0, description = 1, node = 5, node_name = 6, node_operator = 7;
  } parser_error;              ///< likewise
  unsigned network_flags = 0;  ///< explicit batch, strongly typed: where that is a choice
  struct {
    int fp16 = absent, tf32 = 6, prefer_precision = absent;
  } builder_flags;  ///< bits
};

// clang-format off
/// 8.5 and 8.6: the same but for what 8.6 has at the end of its tables.
inline constexpr Slots slots_8_5{
    .abi = Abi::tensorrt_8,
    .host_memory = {},
    .builder = {.create_config = 9, .create_network = 11, .create_profile = 12, .build_serialized = 17},
    .config = {.set_flag = 15, .clear_flag = 14, .add_profile = 29, .set_verbosity = 31,
               .get_tactic_sources = 43, .set_tactic_sources = 42, .create_timing_cache = 44,
               .set_timing_cache = 45,
               .set_memory_limit = 47, .get_memory_limit = 48, .set_optimization_level = absent,
               .set_progress_monitor = absent,
               .set_capability_count = absent, .set_capability = absent},
    .network = {.add_activation = 6, .layer_count = 17, .layer = 18, .input_count = 19, .input = 20,
                .output_count = 21, .output = 22},
    .tensor = {.set_type = 6, .type = 7, .set_formats = 19},
    .layer = {.set_precision = 10, .set_output_type = 14, .metadata = absent},
    .profile = {.is_valid = 9},
    .timing_cache = {},
    .runtime = {.deserialize = 2},
    .engine = {.create_context = 11, .create_context_without_memory = 13, .create_inspector = 33, .shape = 34,
               .type = 35, .mode = 38, .profile_shape = 44, .io_count = 45, .io_name = 46, .memory_size = 14},
    .context = {.set_input_shape = 29, .shape = 30, .set_address = 32, .enqueue = 44, .set_memory = 11,
                .capturable = absent},
    .inspector = {.engine_information = 5},
    .parser = {.error_count = 6, .error = 7, .destroy = 10},
    .parser_error = {.node_name = absent, .node_operator = absent},
    .network_flags = 1u << 0,
    .builder_flags = {.fp16 = 0, .tf32 = 7, .prefer_precision = 11}};

inline constexpr Slots slots_8_6 = [] {
  Slots slots = slots_8_5;
  slots.config.set_optimization_level = 51;
  slots.layer.metadata = 19;
  return slots;
}();

inline constexpr Slots slots_10{
    .host_memory = {},
    .builder = {.create_config = 7, .create_network = 8, .create_profile = 9, .build_serialized = 14},
    .config = {.set_flag = absent, .clear_flag = 10, .add_profile = 25, .set_verbosity = 27,
               .get_tactic_sources = absent, .set_tactic_sources = absent, .create_timing_cache = 40,
               .set_timing_cache = 41,
               .set_memory_limit = 43, .get_memory_limit = 44, .set_optimization_level = 47,
               .set_progress_monitor = 56,
               .set_capability_count = absent, .set_capability = absent},
    .network = {},
    .tensor = {.set_type = absent, .type = 7, .set_formats = absent},
    .layer = {.set_precision = absent, .set_output_type = absent, .metadata = 19},
    .profile = {.is_valid = 9},
    .timing_cache = {},
    .runtime = {},
    .engine = {.create_context_without_memory = absent, .create_inspector = 18,
               .shape = 19, .type = 20, .mode = 23, .profile_shape = 29,
               .io_count = 30, .io_name = 31,
               .memory_size = 52},
    .context = {.set_input_shape = 21, .shape = 22, .set_address = 24, .enqueue = 37, .set_memory = 49,
                .capturable = absent},
    .inspector = {},
    .parser = {.error_count = 5, .error = 6, .destroy = 9},
    .parser_error = {},
    .network_flags = 1u << 1,
    .builder_flags = {}};

inline constexpr Slots slots_11{
    .host_memory = {},
    .builder = {.create_config = 5, .create_network = 6, .create_profile = 7, .build_serialized = 11},
    .config = {.set_flag = absent, .clear_flag = 8, .add_profile = 23, .set_verbosity = 25,
               .get_tactic_sources = absent, .set_tactic_sources = absent, .create_timing_cache = 29,
               .set_timing_cache = 30,
               .set_memory_limit = 32, .get_memory_limit = 33, .set_optimization_level = 36,
               .set_progress_monitor = 45,
               .set_capability_count = absent, .set_capability = absent},
    .network = {},
    .tensor = {.set_type = absent, .type = 6, .set_formats = absent},
    .layer = {.set_precision = absent, .set_output_type = absent, .metadata = 12},
    .profile = {.is_valid = 7},
    .timing_cache = {},
    .runtime = {},
    .engine = {.create_context_without_memory = absent, .create_inspector = 14,
               .shape = 15, .type = 16, .mode = 19, .profile_shape = 25,
               .io_count = 26, .io_name = 27,
               .memory_size = 44},
    .context = {.set_input_shape = 20, .shape = 21, .set_address = 23, .enqueue = 36, .set_memory = 48,
                .capturable = absent},
    .inspector = {},
    .parser = {.error_count = 3, .error = 4, .destroy = 7},
    .parser_error = {},
    .network_flags = 0,
    .builder_flags = {}};

/// As 11, but for functions that RTX has alone. What it moved (plugins, broadcasting) is not used here.
inline constexpr Slots slots_rtx = [] {
  Slots slots = slots_11;
  slots.config.set_capability_count = 55;
  slots.config.set_capability = 57;
  slots.context.capturable = 52;
  return slots;
}();
// clang-format on

/// TensorRT 10.0 has no way to give a context memory whose size is known in 64 bits.
inline constexpr Slots slots_10_0 = [] {
  Slots slots = slots_10;
  slots.engine.memory_size = slots.context.set_memory = absent;
  return slots;
}();

}  // namespace peregrine::tensorrt
