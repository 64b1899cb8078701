// The ground of a test double of TensorRT: objects of two words with the vtables of the binary interface. The
// slots here are taken from the published tables again, not from slots.h, and every slot that we have no
// business in ends the process by its number. Compiled once for each version (DOUBLE_VERSION).
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>

namespace tensorrt_double {

inline constexpr bool eight = DOUBLE_VERSION < 10000;
inline constexpr bool ten = DOUBLE_VERSION >= 100000 && DOUBLE_VERSION < 110000;
inline constexpr bool rtx = !eight && DOUBLE_VERSION < 100000;
/// A function's place in TensorRT 8.5 and 8.6, in 10, and in 11 and RTX.
constexpr int slot(int in_8, int in_10, int in_11) { return eight ? in_8 : ten ? in_10 : in_11; }

using Extent = std::conditional_t<eight, std::int32_t, std::int64_t>;
struct Dims {
  std::int32_t count;
  Extent extents[8];
};
/// TensorRT 8 passes it by value where the others pass a reference.
using DimsArgument = std::conditional_t<eight, Dims, const Dims*>;
inline const Dims& dims_of(const Dims& dims) { return dims; }
inline const Dims& dims_of(const Dims* dims) { return *dims; }
inline constexpr std::int32_t single = 0, half = 1;

/// Objects that were made and not destroyed.
inline std::atomic<int> alive = 0;

/// How often the plugins were registered with this library.
extern std::atomic<int> plugins_registered;

/// What was done that TensorRT does not allow; kept for the test.
void report_misuse(const std::string& what);
void log_error(const std::string& text);
/// True, after an error in the log, where TENSORRT_DOUBLE_FAIL names this call.
bool fails(const char* call);

template <int number>
void stray(void*) {
  std::fprintf(stderr, "the double was called at slot %d\n", number);
  std::abort();
}

/// A function of an object; made from any function pointer or captureless lambda.
struct Entry {
  template <class Function>
  Entry(int at, Function function) : number(at), address(reinterpret_cast<void*>(+function)) {}
  int number;
  void* address;
};

/// A vtable; slots that were not given end the process.
struct Table {
  void* slots[100];
  Table(std::initializer_list<Entry> entries = {}) {
    fill(std::make_integer_sequence<int, 100>{});
    for (const Entry& entry : entries) slots[entry.number] = entry.address;
  }

  template <class Function>
  void add(int at, Function function) {
    slots[at] = Entry(at, function).address;
  }

 private:
  template <int... numbers>
  void fill(std::integer_sequence<int, numbers...>) {
    ((slots[numbers] = reinterpret_cast<void*>(&stray<numbers>)), ...);
  }
};

/// What an API object points to: its vtable comes first, as the interface has it.
struct Implementation {
  void** functions = nullptr;
};

/// The API object: its own vtable, where only the destructor is ours to call, and its implementation.
template <class State>
struct Api {
  void** own;
  State* state;

  static Api* make(Table& table, State* state) {
    static Table destructors{{1, +[](Api* api) {
                                --alive;
                                delete api->state;
                                delete api;
                              }}};
    ++alive;
    state->functions = table.slots;
    return new Api{destructors.slots, state};
  }
};

/// Bytes that the library hands out.
struct MemoryState : Implementation {
  std::string bytes;
};
void* make_memory(std::string bytes);

void* make_builder();
void* make_runtime();
/// For a network of make_builder()'s.
void* make_parser(void* network);

}  // namespace tensorrt_double
