#include "stages/preprocess/row_resampler.h"

namespace peregrine::preprocess {
namespace {

constexpr int channels = 3;

}  // namespace

RowResampler::RowResampler(const ImageView& image, int width, int height)
    : image_(image), width_(width), height_(height), row_(static_cast<std::size_t>(width) * channels) {
  const double scale = source_scale(image.width, width);
  columns_.reserve(static_cast<std::size_t>(width));
  for (int x = 0; x < width; ++x) {
    Tap tap = column_tap(x, scale, image.width);
    tap.first *= channels;
    tap.second *= channels;
    columns_.push_back(tap);
  }
  for (auto& blended : blended_) blended.resize(row_.size());
}

const std::int16_t* RowResampler::blended_row(int source_row) {
  const int slot = source_row & 1;  // the two rows of a tap are neighbours or the same
  std::int16_t* out = blended_[slot].data();
  if (blended_index_[slot] == source_row) return out;
  blended_index_[slot] = source_row;
  const std::uint8_t* source = image_.data + source_row * image_.pitch;
  for (int x = 0; x < width_; ++x) {
    const Tap tap = columns_[x];
    const std::uint8_t* first = source + tap.first;
    const std::uint8_t* second = source + tap.second;
    out[x] = blend_columns(first[0], second[0], tap.weight_first, tap.weight_second);
    out[width_ + x] = blend_columns(first[1], second[1], tap.weight_first, tap.weight_second);
    out[2 * width_ + x] = blend_columns(first[2], second[2], tap.weight_first, tap.weight_second);
  }
  return out;
}

const std::uint8_t* RowResampler::row(int y) {
  const Tap tap = row_tap(y, source_scale(image_.height, height_), image_.height);
  const std::int16_t* first = blended_row(tap.first);
  const std::int16_t* second = blended_row(tap.second);
  const auto weight_first =
      static_cast<std::int16_t>(tap.weight_first);  // 16-bit operands: the loop becomes pmulhw
  const auto weight_second = static_cast<std::int16_t>(tap.weight_second);
  std::uint8_t* out = row_.data();
  const std::size_t count = row_.size();
  for (std::size_t i = 0; i < count; ++i)
    out[i] = blend_rows(first[i], second[i], weight_first, weight_second);
  return out;
}

}  // namespace peregrine::preprocess
