// The error for exhausted memory, whoever noticed it: one sentence and one hint about memory.
#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

#include "peregrine/error.h"

namespace peregrine {

/// Whether a failure comes of too little memory: std::bad_alloc, a thread that could not be started, or a
/// library's own words for either.
bool is_out_of_memory(const std::exception& failure) noexcept;
bool speaks_of_memory(std::string_view message) noexcept;

/// Whether `some` more bytes, a few megabytes, cannot be had now: the cause of failures that do not speak of
/// memory, as where a library cannot load a part of its own and goes on without it.
bool is_memory_exhausted(std::size_t some = std::size_t{32} << 20) noexcept;

/// "environment.memory". `doing` completes "There is not enough memory ...": "to read photo.jpg"; empty: that
/// alone.
Error out_of_memory(const std::string& doing = {});

}  // namespace peregrine
