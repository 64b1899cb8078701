#include "engine/tensorrt/library/version.h"

#include <fmt/format.h>

namespace peregrine::tensorrt {

const char* const supported_versions = "TensorRT 8.5, 8.6, 10, 11 and TensorRT-RTX from 1.5 are supported.";

const char* to_string(Flavour flavour) noexcept {
  return flavour == Flavour::rtx ? "tensorrt-rtx" : "tensorrt";
}

Version version_of(std::int32_t number) noexcept {
  if (number < 10000)
    return {.major = number / 1000, .minor = number / 100 % 10, .patch = number % 100};  // up to 9
  const int major = number / 10000, rest = number % 10000;
  return {.flavour = major == 1 ? Flavour::rtx : Flavour::tensorrt,
          .major = major,
          .minor = rest / 100,
          .patch = rest % 100};
}

std::string to_string(const Version& version) {
  return fmt::format("{} {}.{}.{}", version.flavour == Flavour::rtx ? "TensorRT-RTX" : "TensorRT",
                     version.major, version.minor, version.patch);
}

const Slots* slots_of(const Version& version) noexcept {
  switch (version.major) {
    case 1: return version.minor >= 5 ? &slots_rtx : nullptr;
    case 8: return version.minor == 5 ? &slots_8_5 : version.minor == 6 ? &slots_8_6 : nullptr;
    case 10: return version.minor == 0 ? &slots_10_0 : &slots_10;
    case 11: return &slots_11;
    default: return nullptr;
  }
}

}  // namespace peregrine::tensorrt
