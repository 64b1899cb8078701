#include "engine/openvino/plan.h"

#include <cstring>
#include <new>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/binding_json.h"
#include "engine/checksum_envelope.h"
#include "peregrine/error.h"

namespace peregrine::openvino {

namespace {

constexpr std::string_view kind = "openvino 1";

}  // namespace

// The payload is the header as JSON, a zero byte, and OpenVINO's blob.
std::vector<std::byte> write_plan(const PlanContent& content) {
  const std::string header = nlohmann::json{{"precision", to_string(content.precision)},
                                            {"dynamic", content.dynamic},
                                            {"threads", content.threads},
                                            {"bindings", to_json(content.bindings)}}
                                 .dump();
  std::vector<std::byte> payload(header.size() + 1 + content.blob.size());
  std::memcpy(payload.data(), header.c_str(), header.size() + 1);
  std::ranges::copy(content.blob, payload.begin() + static_cast<std::ptrdiff_t>(header.size() + 1));
  return to_envelope(kind, payload);
}

PlanContent read_plan(std::span<const std::byte> bytes) {
  const auto payload = from_envelope(kind, bytes);
  const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
  const std::size_t end = text.find('\0');
  try {
    const auto header = nlohmann::json::parse(text.substr(0, end));
    return {.precision = parse_precision(header.at("precision").get<std::string>()).value(),
            .dynamic = header.at("dynamic"),
            .threads = header.at("threads"),
            .bindings = bindings_from_json(header.at("bindings")),
            .blob = payload.subspan(end + 1)};
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    // The seal held, so another version of this program wrote it.
    throw Error(
        "engine.plan",
        std::string("The engine's plan has another layout than this version reads: ") + error.what() + ".",
        "Build the engine again: `peregrine build MODEL --rebuild`.");
  }
}

}  // namespace peregrine::openvino
