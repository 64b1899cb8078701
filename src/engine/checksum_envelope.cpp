#include "engine/checksum_envelope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "core/sha256.h"
#include "peregrine/error.h"

namespace peregrine {

namespace {

constexpr std::string_view magic = "PEREGRINE PLAN\n";
constexpr std::size_t kind_size = 33, digest_size = 64;
constexpr std::size_t header_size = magic.size() + kind_size + digest_size;

std::string padded(std::string_view kind) {
  std::string text(kind);
  text.resize(kind_size - 1, ' ');
  return text + '\n';
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::vector<std::byte> to_envelope(std::string_view kind, std::span<const std::byte> payload) {
  const std::string header = std::string(magic) + padded(kind) + sha256_hex(payload);
  std::vector<std::byte> envelope(header.size() + payload.size());
  std::memcpy(envelope.data(), header.data(), header.size());
  std::ranges::copy(payload, envelope.begin() + static_cast<std::ptrdiff_t>(header.size()));
  return envelope;
}

std::span<const std::byte> from_envelope(std::string_view kind, std::span<const std::byte> bytes) {
  const auto refuse = [](std::string_view why) -> Error {
    return {"engine.plan", fmt::format("The engine's plan {}.", why),
            "Build the engine again: `peregrine build MODEL --rebuild`."};
  };
  if (bytes.size() < header_size) throw refuse("is cut short");
  const std::string_view header = as_text(bytes.first(header_size));
  if (!header.starts_with(magic)) throw refuse("is damaged: it does not start as a plan does");
  if (header.substr(magic.size(), kind_size) != padded(kind))
    throw Error("engine.plan",
                fmt::format("The engine's plan is not of the kind '{}' that this version reads.", kind),
                "Build the engine again: `peregrine build MODEL --rebuild`.");
  const auto payload = bytes.subspan(header_size);
  if (sha256_hex(payload) != header.substr(magic.size() + kind_size))
    throw refuse("is cut short or damaged: its digest differs");
  return payload;
}

}  // namespace peregrine
