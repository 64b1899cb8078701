#include "tools/migrate/baseline/persons.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "core/os/output_file.h"
#include "core/os/read_whole_file.h"
#include "engine_cache/validation/sample_images.h"
#include "stages/decode/decode.h"
#include "stages/decode/encode.h"

namespace peregrine::migrate {

namespace {

constexpr std::size_t most_persons = 64;

/// Columns [left, right) of an image.
HostImage strip(const HostImage& image, int left, int right) {
  HostImage part{right - left, image.height, image.order, {}};
  for (int row = 0; row < image.height; ++row) {
    const auto* begin = image.pixels.data() + (static_cast<std::ptrdiff_t>(row) * image.width + left) * 3;
    part.pixels.insert(part.pixels.end(), begin, begin + static_cast<std::ptrdiff_t>(part.width) * 3);
  }
  return part;
}

}  // namespace

Persons::Persons(const std::vector<std::filesystem::path>& given) {
  for (const auto& file : given)
    if (files_.size() < most_persons)
      add(decode::decode_image(read_whole_file(file).value_or(std::vector<std::byte>{}), file.string()));
  if (!given.empty()) return;
  constexpr int strips = engine_cache::person_strips;
  for (const auto& scene : engine_cache::sample_image_files()) {
    const HostImage image = decode::decode_image(scene, "scene");
    for (int i = 0; i < strips; ++i)
      add(strip(image, image.width * i / strips, image.width * (i + 1) / strips));
  }
}

void Persons::add(const HostImage& person) {
  const auto name = folder_.path() / std::to_string(files_.size());
  files_.push_back(name.native() + ".jpg");
  write_file(files_.back(), decode::encode_jpeg(person));
  HostImage decoded = decode::decode_image(read_whole_file(files_.back()).value(), files_.back().string());
  if (decoded.order == PixelOrder::rgb)
    for (std::size_t i = 0; i < decoded.pixels.size(); i += 3)
      std::swap(decoded.pixels[i], decoded.pixels[i + 2]);
  raw_.push_back({name.native() + ".bgr", decoded.width, decoded.height});
  write_file(raw_.back().file, std::as_bytes(std::span(decoded.pixels)));
}

}  // namespace peregrine::migrate
