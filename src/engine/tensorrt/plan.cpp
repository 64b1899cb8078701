#include "engine/tensorrt/plan.h"

#include <algorithm>
#include <new>
#include <string>

#include "engine/binding_json.h"
#include "engine/checksum_envelope.h"
#include "peregrine/error.h"

namespace peregrine::tensorrt {

namespace {
constexpr std::string_view kind = "tensorrt 1";
}

std::vector<std::byte> write_plan(const PlanContent& content) {
  nlohmann::json header{{"precision", to_string(content.precision)}, {"bindings", to_json(content.bindings)}};
  if (content.batches) header["batches"] = {content.batches->min, content.batches->opt, content.batches->max};
  if (content.height > 0) header["size"] = {content.height, content.width};
  const std::string text = header.dump();
  std::vector<std::byte> payload(text.size() + 1 + content.blob.size());
  std::ranges::copy(std::as_bytes(std::span(text.c_str(), text.size() + 1)), payload.begin());
  std::ranges::copy(content.blob, payload.begin() + static_cast<std::ptrdiff_t>(text.size() + 1));
  return to_envelope(kind, payload);
}

PlanContent read_plan(std::span<const std::byte> bytes) {
  const auto payload = from_envelope(kind, bytes);
  const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
  const std::size_t end = text.find('\0');
  try {
    const auto header = nlohmann::json::parse(text.substr(0, end));
    PlanContent content{.precision = parse_precision(header.at("precision").get<std::string>()).value(),
                        .batches = {},
                        .bindings = bindings_from_json(header.at("bindings")),
                        .blob = payload.subspan(end + 1)};
    if (header.contains("size")) {
      content.height = header.at("size").at(0);
      content.width = header.at("size").at(1);
    }
    if (header.contains("batches")) {
      const auto& batches = header.at("batches");
      content.batches = BatchRange{batches.at(0), batches.at(1), batches.at(2)};
    }
    return content;
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

Plan adopt_plan(const Builder& builder, const Device& device, int height, int width,
                std::span<const std::byte> blob) {
  return {.engine = builder.name(),
          .precision = Precision::fp32,
          .library_versions = builder.library_versions(),
          .device_name = builder.device_name(device),
          .bytes = write_plan({.precision = Precision::fp32,
                               .batches = {},
                               .bindings = {},
                               .height = height,
                               .width = width,
                               .blob = blob}),
          .notes = {}};
}

}  // namespace peregrine::tensorrt
