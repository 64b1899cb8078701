// A checksum envelope around a plan's bytes: truncated, altered or foreign plans are found before a vendor's
// library, which trusts its input, reads them.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace peregrine {

/// `kind` ("openvino 1": engine and version of its format, at most 32 characters) and `payload` with their
/// SHA-256.
std::vector<std::byte> to_envelope(std::string_view kind, std::span<const std::byte> payload);

/// The payload, as a part of `bytes`. Throws Error "engine.plan" when anything differs from what was sealed.
std::span<const std::byte> from_envelope(std::string_view kind, std::span<const std::byte> bytes);

}  // namespace peregrine
