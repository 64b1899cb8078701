// A seal around a plan's bytes: what was cut short, altered or written by another engine is told before a vendor's
// library, which trusts its input, sees it.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace peregrine {

/// `kind` ("openvino 1": engine and version of its format, at most 32 characters) and `payload` with their SHA-256.
std::vector<std::byte> seal(std::string_view kind, std::span<const std::byte> payload);

/// The payload, as a part of `bytes`. Throws Error "engine.plan" when anything differs from what was sealed.
std::span<const std::byte> unseal(std::string_view kind, std::span<const std::byte> bytes);

}  // namespace peregrine
