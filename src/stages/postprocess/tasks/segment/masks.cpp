#include "stages/postprocess/tasks/segment/masks.h"

#include <algorithm>

namespace peregrine::postprocess {
namespace {

constexpr int word_bits = 32;

template <class Tap>
std::vector<LinearTap> taps(int count, Tap tap) {
  std::vector<LinearTap> result;
  result.reserve(static_cast<std::size_t>(count));
  for (int d = 0; d < count; ++d) result.push_back(tap(d));
  return result;
}

/// `out` = the column blended from two others, element by element.
void blend_columns(const float* first, const float* second, const LinearTap& tap, int count, float* out) {
  for (int i = 0; i < count; ++i) out[i] = blend(first[i], second[i], tap);
}

/// `out[i]` = the element of `column` at the position that tap `first + i` names; `column` begins at
/// `origin`.
void stretch(const float* column, int origin, const LinearTap* first, int count, float* out) {
  for (int i = 0; i < count; ++i)
    out[i] = blend(column[first[i].first - origin], column[first[i].second - origin], first[i]);
}

/// Compares and packs a column that is blended on the way.
void pack(const float* first, const float* second, const LinearTap& tap, bool of_bits, int count,
          std::uint32_t* words) {
  for (int start = 0; start < count; start += word_bits) {
    const int end = std::min(count - start, word_bits);
    std::uint8_t ones[word_bits] = {};
    for (int i = 0; i < end; ++i)
      ones[i] = mask_bit(blend(first[start + i], second[start + i], tap), of_bits);
    std::uint32_t word = 0;
    for (int i = 0; i < word_bits; ++i) word |= static_cast<std::uint32_t>(ones[i]) << i;
    words[start / word_bits] = word;
  }
}

void resize_at_least(std::vector<float>& buffer, std::size_t size) {
  if (buffer.size() < size) buffer.resize(size);
}

}  // namespace

bool PackedMask::empty() const {
  return std::all_of(words.begin(), words.end(), [](std::uint32_t word) { return word == 0; });
}

MaskAssembler::MaskAssembler(const FeatureMap& proto, const MaskPlan& plan)
    : plan_(plan),
      channels_(proto.channels),
      to_image_x_(taps(plan.image_width, [&](int d) { return image_tap_x(plan, d); })),
      to_image_y_(taps(plan.image_height, [&](int d) { return image_tap_y(plan, d); })),
      to_middle_x_(taps(plan.middle_width, [&](int d) { return middle_tap_x(plan, d); })),
      to_middle_y_(taps(plan.middle_height, [&](int d) { return middle_tap_y(plan, d); })) {
  if (!proto.half && proto.column_stride == 1) {
    proto_ = static_cast<const float*>(proto.data);
    channel_stride_ = proto.channel_stride;
    row_stride_ = proto.row_stride;
    return;
  }
  row_stride_ = proto.width;
  channel_stride_ = row_stride_ * proto.height;
  planes_.reserve(static_cast<std::size_t>(channel_stride_) * channels_);
  for (int c = 0; c < channels_; ++c)
    for (int y = 0; y < proto.height; ++y)
      for (int x = 0; x < proto.width; ++x) planes_.push_back(proto.at(c, y, x));
  proto_ = planes_.data();
}

PackedMask MaskAssembler::assemble(std::span<const float> coefficients, const std::array<float, 4>& image_box,
                                   const std::array<float, 4>& input_box) {
  const std::array<float, 4>& box = plan_.bits ? input_box : image_box;
  const Span x = span_along(to_image_x_, to_middle_x_, mask_columns(plan_, box[0], box[2]));
  const Span y = span_along(to_image_y_, to_middle_y_, mask_rows(plan_, box[1], box[3]));
  PackedMask mask;
  mask.window = {x.image.first, y.image.first, x.image.count, y.image.count};
  if (x.image.count <= 0 || y.image.count <= 0) return {};
  combine_prototypes(coefficients, x, y);
  const std::size_t words = static_cast<std::size_t>(y.image.count + word_bits - 1) / word_bits;
  mask.words.resize(words * x.image.count);
  column_index_[0] = column_index_[1] = -1;
  for (int i = 0; i < x.image.count; ++i) {
    const LinearTap& tap = to_image_x_[x.image.first + i];
    const float* first = image_column(tap.first, x, y, input_box);
    const float* second = image_column(tap.second, x, y, input_box);
    pack(first, second, tap, plan_.bits, y.image.count, mask.words.data() + i * words);
  }
  return mask;
}

MaskAssembler::Span MaskAssembler::span_along(const std::vector<LinearTap>& to_image,
                                              const std::vector<LinearTap>& to_middle, PixelRange image) {
  if (image.count <= 0) return {};
  const auto behind = [](const std::vector<LinearTap>& taps, PixelRange range) {
    const int first = taps[range.first].first;
    return PixelRange{first, taps[range.first + range.count - 1].second - first + 1};
  };
  const PixelRange middle = behind(to_image, image);
  return {image, middle, behind(to_middle, middle)};
}

/// Fills logits_ (columns of the prototypes' part) and stretches each column to the middle's rows.
void MaskAssembler::combine_prototypes(std::span<const float> coefficients, const Span& x, const Span& y) {
  const int width = x.proto.count, height = y.proto.count;
  const std::size_t elements = static_cast<std::size_t>(width) * height;
  rows_.assign(elements, 0.0f);
  for (int c = 0; c < channels_; ++c) {
    const float weight = coefficients[c];
    for (int row = 0; row < height; ++row) {
      const float* from = proto_ + c * channel_stride_ + (y.proto.first + row) * row_stride_ + x.proto.first;
      float* to = rows_.data() + static_cast<std::size_t>(row) * width;
      for (int column = 0; column < width; ++column) to[column] += weight * from[column];
    }
  }
  resize_at_least(logits_, elements);
  for (int row = 0; row < height; ++row)
    for (int column = 0; column < width; ++column)
      logits_[static_cast<std::size_t>(column) * height + row] =
          rows_[static_cast<std::size_t>(row) * width + column];
  resize_at_least(stretched_, static_cast<std::size_t>(width) * y.middle.count);
  for (int column = 0; column < width; ++column)
    stretch(logits_.data() + static_cast<std::size_t>(column) * height, y.proto.first,
            &to_middle_y_[y.middle.first], y.middle.count,
            stretched_.data() + static_cast<std::size_t>(column) * y.middle.count);
}

const float* MaskAssembler::middle_column(int column, const Span& x, const Span& y,
                                          const std::array<float, 4>& input_box) {
  const LinearTap& tap = to_middle_x_[column];
  const auto stretched = [&](int i) {
    return stretched_.data() + static_cast<std::size_t>(i - x.proto.first) * y.middle.count;
  };
  resize_at_least(middle_, y.middle.count);
  blend_columns(stretched(tap.first), stretched(tap.second), tap, y.middle.count, middle_.data());
  if (!plan_.bits) return middle_.data();
  const bool in_columns = inside(column, input_box[0], input_box[2]);
  for (int i = 0; i < y.middle.count; ++i) {
    const bool in_box = in_columns && inside(y.middle.first + i, input_box[1], input_box[3]);
    middle_[i] = in_box && middle_[i] > 0.0f ? 1.0f : 0.0f;
  }
  return middle_.data();
}

const float* MaskAssembler::image_column(int column, const Span& x, const Span& y,
                                         const std::array<float, 4>& input_box) {
  const int slot = column & 1;  // the two columns of a tap are neighbours or the same
  if (column_index_[slot] != column) {
    column_index_[slot] = column;
    resize_at_least(columns_[slot], y.image.count);
    stretch(middle_column(column, x, y, input_box), y.middle.first, &to_image_y_[y.image.first],
            y.image.count, columns_[slot].data());
  }
  return columns_[slot].data();
}

}  // namespace peregrine::postprocess
