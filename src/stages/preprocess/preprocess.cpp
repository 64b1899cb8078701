#include "stages/preprocess/preprocess.h"

#include <algorithm>
#include <string>

#include "core/half.h"
#include "peregrine/error.h"
#include "stages/preprocess/crop_math.h"
#include "stages/preprocess/pixel_math.h"
#include "stages/preprocess/row_resampler.h"

namespace peregrine::preprocess {
namespace {

constexpr int channels = 3;

[[noreturn]] void misfit(const std::string& sentence) { throw Error("internal.preprocess", sentence); }

/// One slot of a batch, [3,H,W].
template <class T>
struct ImageSlot {
  T* data;
  std::int64_t channel_stride, row_stride, column_stride;
  int width, height;

  ImageSlot(const TensorView& input, int n)
      : data(input.as<T>() + n * input.strides[0]),
        channel_stride(input.strides[1]),
        row_stride(input.strides[2]),
        column_stride(input.strides[3]),
        width(static_cast<int>(input.shape[3])),
        height(static_cast<int>(input.shape[2])) {}

  T* row(int channel, int y) const { return data + channel * channel_stride + y * row_stride; }

  void fill(int channel, int y, int first, int end, T value) const {
    T* to = row(channel, y);
    for (int x = first; x < end; ++x) to[x * column_stride] = value;
  }
};

/// What each of the 256 values of a channel becomes.
template <class T>
struct ValueTable {
  T values[channels][256];

  explicit ValueTable(Scaling scaling) {
    for (int channel = 0; channel < channels; ++channel)
      for (int v = 0; v < 256; ++v)
        store(scaled_value(static_cast<std::uint8_t>(v), scaling, channel), &values[channel][v]);
  }
};

/// The resized image with its top left corner at (left, top) of the slot.
template <class T>
void write_image(const ImageView& image, int width, int height, int left, int top, const ValueTable<T>& table,
                 const ImageSlot<T>& slot) {
  RowResampler resampler(image, width, height);
  for (int y = 0; y < height; ++y) {
    const std::uint8_t* planes = resampler.row(y);
    for (int channel = 0; channel < channels; ++channel) {
      const int plane = image.order == PixelOrder::bgr ? channels - 1 - channel : channel;
      const std::uint8_t* from = planes + static_cast<std::ptrdiff_t>(plane) * width;
      T* to = slot.row(channel, top + y) + left * slot.column_stride;
      for (int x = 0; x < width; ++x) to[x * slot.column_stride] = table.values[channel][from[x]];
    }
  }
}

template <class T>
void write_padding(const Geometry& g, const ValueTable<T>& table, const ImageSlot<T>& slot) {
  const int right = g.pad_left + g.resized_width;
  const int bottom = g.pad_top + g.resized_height;
  for (int channel = 0; channel < channels; ++channel) {
    const T grey = table.values[channel][pad_value];
    for (int y = 0; y < slot.height; ++y) {
      const bool beside_image = y >= g.pad_top && y < bottom;
      slot.fill(channel, y, 0, beside_image ? g.pad_left : slot.width, grey);
      if (beside_image) slot.fill(channel, y, right, slot.width, grey);
    }
  }
}

template <class T>
void letterbox_as(const ImageView& image, const Geometry& g, const TensorView& input, int n) {
  const ValueTable<T> table(Scaling::unit);
  const ImageSlot<T> slot(input, n);
  write_padding(g, table, slot);
  write_image(image, g.resized_width, g.resized_height, g.pad_left, g.pad_top, table, slot);
}

template <class T>
bool crop_as(const ImageView& image, const CropWindow& window, const TensorView& input, int n) {
  const ImageSlot<T> slot(input, n);
  if (window.right <= window.left || window.bottom <= window.top) {
    T zero;
    store(0.0f, &zero);
    for (int channel = 0; channel < channels; ++channel)
      for (int y = 0; y < slot.height; ++y) slot.fill(channel, y, 0, slot.width, zero);
    return false;
  }
  ImageView part = image;
  part.data += window.top * image.pitch + std::ptrdiff_t{channels} * window.left;
  part.width = window.right - window.left;
  part.height = window.bottom - window.top;
  write_image(part, slot.width, slot.height, 0, 0, ValueTable<T>(Scaling::imagenet), slot);
  return true;
}

void require_host_slot(const ImageView& image, const TensorView& input, int n) {
  if (image.device.on_gpu() || input.device.on_gpu())
    misfit("preprocessing on the host was given memory of " +
           to_string(image.device.on_gpu() ? image.device : input.device));
  if (input.shape.rank() != 4 || input.shape[1] != channels || n < 0 || n >= input.shape[0])
    misfit("an image does not fit slot " + std::to_string(n) + " of an input of shape " +
           to_string(input.shape));
  if (input.dtype != DType::f32 && input.dtype != DType::f16)
    misfit(std::string("an image cannot be written as ") + to_string(input.dtype));
}

}  // namespace

HostImage resize(const ImageView& image, int width, int height) {
  HostImage resized{width, height, image.order, {}};
  resized.pixels.resize(static_cast<std::size_t>(width) * height * channels);
  RowResampler resampler(image, width, height);
  std::uint8_t* to = resized.pixels.data();
  for (int y = 0; y < height; ++y) {
    const std::uint8_t* planes = resampler.row(y);
    for (int x = 0; x < width; ++x)
      for (int channel = 0; channel < channels; ++channel) *to++ = planes[channel * width + x];
  }
  return resized;
}

void letterbox_into(const ImageView& image, const Geometry& geometry, const TensorView& input, int n) {
  require_host_slot(image, input, n);
  if (input.shape[2] != geometry.input_height || input.shape[3] != geometry.input_width ||
      image.width != geometry.image_width || image.height != geometry.image_height)
    misfit("the geometry of an image is not that of its input of shape " + to_string(input.shape));
  if (input.dtype == DType::f32) letterbox_as<float>(image, geometry, input, n);
  if (input.dtype == DType::f16) letterbox_as<Half>(image, geometry, input, n);
}

bool reid_crop_into(const ImageView& image, const std::array<float, 4>& box, const TensorView& input, int n) {
  require_host_slot(image, input, n);
  const CropWindow window = crop_window(box.data(), image.width, image.height);
  return input.dtype == DType::f32 ? crop_as<float>(image, window, input, n)
                                   : crop_as<Half>(image, window, input, n);
}

}  // namespace peregrine::preprocess
