// Parses the version number that a TensorRT library returns.
#pragma once

#include <cstdint>
#include <string>

#include "engine/tensorrt/library/slots.h"

namespace peregrine::tensorrt {

enum class Flavour : std::uint8_t {
  tensorrt,  ///< TensorRT 8.5, 8.6, 10 and 11
  rtx        ///< TensorRT-RTX: its plans are compiled for the card on which they run
};
/// "tensorrt", "tensorrt-rtx": the engines' names.
const char* to_string(Flavour flavour) noexcept;

/// What getInferLibVersion() gives, taken apart.
struct Version {
  Flavour flavour = Flavour::tensorrt;
  int major = 0, minor = 0, patch = 0;
  bool operator==(const Version&) const = default;
};

/// 8503 is TensorRT 8.5.3, 10500 TensorRT-RTX 1.5.0, 101601 TensorRT 10.16.1, 110100 TensorRT 11.1.0.
Version version_of(std::int32_t number) noexcept;
/// "TensorRT-RTX 1.7.1", "TensorRT 10.16.1".
std::string to_string(const Version& version);

/// Null for a version whose layout is not known; supported_versions names those that are.
const Slots* slots_of(const Version& version) noexcept;
/// "TensorRT 8.5, 8.6, 10, 11 and TensorRT-RTX from 1.5 are supported."
extern const char* const supported_versions;

}  // namespace peregrine::tensorrt
