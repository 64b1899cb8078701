#include <cuda_fp16.h>

#include <string>

#include "base/cuda/runtime.h"
#include "peregrine/error.h"
#include "preprocess/crop_math.h"
#include "preprocess/cuda/preprocess.h"
#include "preprocess/pixel_math.h"
#include "preprocess/resize_math.h"

namespace peregrine::preprocess {
namespace {

constexpr int block_width = 32, block_height = 8;
constexpr int channels = 3;

/// A batch input as kernels see it; strides in elements.
template <class T>
struct Slots {
  T* data;
  std::int64_t slot, channel, row, column;
  int width, height;
  int pixel_elements;  ///< elements of one pixel that are ours to write: 3, or the padded count of an NHWC input

  explicit Slots(const TensorView& input)
      : data(input.as<T>()),
        slot(input.strides[0]),
        channel(input.strides[1]),
        row(input.strides[2]),
        column(input.strides[3]),
        width(static_cast<int>(input.shape[3])),
        height(static_cast<int>(input.shape[2])),
        pixel_elements(input.strides[1] == 1 ? static_cast<int>(input.strides[3]) : channels) {}

  __device__ void write(int n, int x, int y, const float (&rgb)[channels]) const {
    T* pixel = data + n * slot + y * row + x * column;
    if constexpr (sizeof(T) == 2) {
      if (pixel_elements == 4) {  // one store a pixel
        T packed[4] = {};
        for (int c = 0; c < channels; ++c) store(rgb[c], &packed[c]);
        *reinterpret_cast<uint2*>(pixel) = *reinterpret_cast<const uint2*>(packed);
        return;
      }
    }
    for (int c = 0; c < channels; ++c) store(rgb[c], pixel + c * channel);
    for (int c = channels; c < pixel_elements; ++c) store(0.0f, pixel + c);
  }
};

/// Pixel (x, y) of a window of a picture resized to width x height, scaled, in the order red, green, blue.
__device__ void resized_pixel(const std::uint8_t* window, std::ptrdiff_t pitch, PixelOrder order, const Tap& column,
                              const Tap& row, Scaling scaling, float (&rgb)[channels]) {
  const std::uint8_t* upper = window + row.first * pitch;
  const std::uint8_t* lower = window + row.second * pitch;
  for (int c = 0; c < channels; ++c) {
    const int plane = order == PixelOrder::bgr ? channels - 1 - c : c;
    const int left = channels * column.first + plane, right = channels * column.second + plane;
    const std::int16_t above = blend_columns(upper[left], upper[right], column.weight_first, column.weight_second);
    const std::int16_t below = blend_columns(lower[left], lower[right], column.weight_first, column.weight_second);
    rgb[c] = scaled_value(blend_rows(above, below, row.weight_first, row.weight_second), scaling, c);
  }
}

template <class T>
__global__ void letterbox_kernel(const Picture* pictures, Slots<T> input) {
  const int x = blockIdx.x * block_width + threadIdx.x;
  const int y = blockIdx.y * block_height + threadIdx.y;
  if (x >= input.width || y >= input.height) return;
  const Picture& picture = pictures[blockIdx.z];
  const Geometry& g = picture.geometry;
  const int px = x - g.pad_left, py = y - g.pad_top;
  float rgb[channels];
  if (px >= 0 && py >= 0 && px < g.resized_width && py < g.resized_height) {
    const Tap column = column_tap(px, source_scale(g.image_width, g.resized_width), g.image_width);
    const Tap row = row_tap(py, source_scale(g.image_height, g.resized_height), g.image_height);
    resized_pixel(picture.pixels, picture.pitch, picture.order, column, row, Scaling::unit, rgb);
  } else {
    for (int c = 0; c < channels; ++c) rgb[c] = scaled_value(pad_value, Scaling::unit, c);
  }
  input.write(blockIdx.z, x, y, rgb);
}

template <class T>
__global__ void reid_crop_kernel(const Picture* pictures, const Crop* crops, const int* count, const int* first, Slots<T> input) {
  const int x = blockIdx.x * block_width + threadIdx.x;
  const int y = blockIdx.y * block_height + threadIdx.y;
  if (x >= input.width || y >= input.height) return;
  float rgb[channels] = {};
  const int index = *first + static_cast<int>(blockIdx.z);
  if (index < *count) {
    const Crop& crop = crops[index];
    const Picture& picture = pictures[crop.picture];
    const CropWindow window = crop_window(crop.box, picture.geometry.image_width, picture.geometry.image_height);
    const int width = window.right - window.left, height = window.bottom - window.top;
    if (width > 0 && height > 0) {
      const Tap column = column_tap(x, source_scale(width, input.width), width);
      const Tap row = row_tap(y, source_scale(height, input.height), height);
      const std::uint8_t* corner = picture.pixels + window.top * picture.pitch + std::ptrdiff_t{channels} * window.left;
      resized_pixel(corner, picture.pitch, picture.order, column, row, Scaling::imagenet, rgb);
    }
  }
  input.write(blockIdx.z, x, y, rgb);
}

dim3 grid_for(const TensorView& input, int count) {
  const auto blocks = [](std::int64_t extent, int block) { return static_cast<unsigned>((extent + block - 1) / block); };
  return {blocks(input.shape[3], block_width), blocks(input.shape[2], block_height), static_cast<unsigned>(count)};
}

void require_device_input(const TensorView& input, int count) {
  if (!input.device.on_gpu() || input.shape.rank() != 4 || input.shape[1] != channels || count > input.shape[0] ||
      (input.dtype != DType::f16 && input.dtype != DType::f32))
    throw Error("internal.preprocess", "A batch of " + std::to_string(count) + " pictures does not fit an input of shape " +
                                           to_string(input.shape) + " on " + to_string(input.device) + ".");
}

constexpr dim3 block{block_width, block_height};

}  // namespace

void letterbox_batch(const Picture* pictures, int count, const TensorView& input, void* cuda_stream) {
  require_device_input(input, count);
  if (count == 0) return;
  const auto stream = static_cast<cudaStream_t>(cuda_stream);
  if (input.dtype == DType::f16)
    letterbox_kernel<<<grid_for(input, count), block, 0, stream>>>(pictures, Slots<Half>(input));
  else
    letterbox_kernel<<<grid_for(input, count), block, 0, stream>>>(pictures, Slots<float>(input));
  cuda::check_launch("letterbox");
}

void reid_crop_batch(const Picture* pictures, const Crop* crops, const int* count, const int* first, const TensorView& input,
                     void* cuda_stream) {
  const int slots = static_cast<int>(input.shape[0]);
  require_device_input(input, slots);
  const auto stream = static_cast<cudaStream_t>(cuda_stream);
  if (input.dtype == DType::f16)
    reid_crop_kernel<<<grid_for(input, slots), block, 0, stream>>>(pictures, crops, count, first, Slots<Half>(input));
  else
    reid_crop_kernel<<<grid_for(input, slots), block, 0, stream>>>(pictures, crops, count, first, Slots<float>(input));
  cuda::check_launch("reid_crop");
}

}  // namespace peregrine::preprocess
