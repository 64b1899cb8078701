// Precision is the arithmetic that an engine computes in. An example: Settings::precision =
// parse_precision("fp16").
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace peregrine {

/// Arithmetic of an engine: dtype of weights and activations. fp16 accumulates in FP32.
enum class Precision : std::uint8_t { fp32, fp16, bf16 };
/// "fp32", "fp16", "bf16".
const char* to_string(Precision precision) noexcept;
/// Parses what to_string() returns; nullopt for any other text.
std::optional<Precision> parse_precision(std::string_view text) noexcept;

}  // namespace peregrine
