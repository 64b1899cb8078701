#include "core/memory_error.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <new>
#include <system_error>

namespace peregrine {

bool speaks_of_memory(std::string_view message) noexcept {
  // As libstdc++, the C library, the dynamic linker, OpenVINO's, x264's and NVIDIA's libraries say it.
  constexpr std::array<std::string_view, 12> words = {"bad_alloc",
                                                      "cannot allocate memory",
                                                      "malloc of size",
                                                      "out of memory",
                                                      "out_of_memory",
                                                      "outofmemory",
                                                      "failed to allocate",
                                                      "can't alloc",
                                                      "could not allocate",
                                                      "alloc_failed",
                                                      "allocation_failed",
                                                      "resource temporarily unavailable"};
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return std::ranges::any_of(words, [&](std::string_view word) {
    return std::search(message.begin(), message.end(), word.begin(), word.end(), same) != message.end();
  });
}

bool is_memory_exhausted(std::size_t some) noexcept {
  void* const memory = ::mmap(nullptr, some, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return true;
  ::munmap(memory, some);
  return false;
}

bool is_out_of_memory(const std::exception& failure) noexcept {
  if (dynamic_cast<const std::bad_alloc*>(&failure)) return true;
  if (const auto* system = dynamic_cast<const std::system_error*>(&failure))
    return system->code() == std::errc::not_enough_memory ||
           system->code() == std::errc::resource_unavailable_try_again;
  return speaks_of_memory(failure.what());
}

Error out_of_memory(const std::string& doing) {
  return {"environment.memory", "There is not enough memory" + (doing.empty() ? "" : " " + doing) + ".",
          "Free some memory or raise the limit (ulimit -v), or ask for less: a smaller --batch or --imgsz."};
}

}  // namespace peregrine
