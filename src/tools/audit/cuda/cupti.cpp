#include "tools/audit/cuda/cupti.h"

#include <fmt/format.h>

#include <array>

#include "peregrine/error.h"

namespace peregrine::audit {

Cupti Cupti::load() {
  static constexpr std::array<std::string_view, 1> file_names{"libcupti.so.13"};
  Cupti api;
  api.library = DynamicLibrary::load(
      {"CUPTI 13", file_names, "cu13/lib", "Install CUDA 13's cuda-cupti, or the wheel nvidia-cuda-cupti."});
#define PEREGRINE_LOAD(name) api.name = api.library.get<decltype(::name)>(#name);
  PEREGRINE_CUPTI_FUNCTIONS(PEREGRINE_LOAD)
#undef PEREGRINE_LOAD
  return api;
}

std::string Cupti::name() const {
  std::uint32_t version = 0;
  check(cuptiGetVersion(&version), "cuptiGetVersion");
  return fmt::format("CUPTI {}.{}.{} ({})", version / 10000, version % 10000 / 100, version % 100,
                     library.path().string());
}

void Cupti::check(CUptiResult status, const char* call) const {
  if (status == CUPTI_SUCCESS) return;
  const char* words = nullptr;
  if (cuptiGetResultString(status, &words) != CUPTI_SUCCESS) words = nullptr;
  throw Error(
      "environment.cupti",
      fmt::format("{} failed: {} ({}).", call, words ? words : "unknown status", static_cast<int>(status)),
      "No other profiler may watch the process meanwhile.");
}

}  // namespace peregrine::audit
