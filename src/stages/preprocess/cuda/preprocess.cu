#include <cuda_fp16.h>

#include <string>

#include "cuda/runtime.h"
#include "peregrine/error.h"
#include "stages/preprocess/crop_math.h"
#include "stages/preprocess/cuda/preprocess.h"
#include "stages/preprocess/pixel_math.h"
#include "stages/preprocess/resize_math.h"

namespace peregrine::preprocess {
namespace {

constexpr int block_width = 32, block_height = 8;
constexpr int channels = 3;

// ------------------------------------------------------------ kernels

/// A batch input as kernels see it; strides in elements.
template <class T>
struct ImageSlots {
  T* data;
  std::int64_t slot, channel, row, column;
  int width, height;
  int pixel_elements;  ///< elements of one pixel that are ours to write: 3, or the padded count of an NHWC
                       ///< input

  explicit ImageSlots(const TensorView& input)
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

/// Pixel (x, y) of a window of an image resized to width x height, scaled, in the order red, green, blue.
__device__ void resized_pixel(const std::uint8_t* window, std::ptrdiff_t pitch, PixelOrder order,
                              const Tap& column, const Tap& row, Scaling scaling, float (&rgb)[channels]) {
  const std::uint8_t* upper = window + row.first * pitch;
  const std::uint8_t* lower = window + row.second * pitch;
  for (int c = 0; c < channels; ++c) {
    const int plane = order == PixelOrder::bgr ? channels - 1 - c : c;
    const int left = channels * column.first + plane, right = channels * column.second + plane;
    const std::int16_t above =
        blend_columns(upper[left], upper[right], column.weight_first, column.weight_second);
    const std::int16_t below =
        blend_columns(lower[left], lower[right], column.weight_first, column.weight_second);
    rgb[c] = scaled_value(blend_rows(above, below, row.weight_first, row.weight_second), scaling, c);
  }
}

/// input = image resized bilinearly with OpenCV's fixed-point weights into the letterbox, padded, as red,
/// green, blue in 0..1.
/// A thread has one pixel of the input; blocks of 32 x 8; the grid is columns x rows x images.
/// Shared memory: none.
/// Barriers: none; the kernel starts in stream order.
/// letterbox_batch() launches it before a detector.
template <class T>
__global__ void letterbox_kernel(const InputImage* images, ImageSlots<T> input) {
  const int x = blockIdx.x * block_width + threadIdx.x;
  const int y = blockIdx.y * block_height + threadIdx.y;
  if (x >= input.width || y >= input.height) return;
  const InputImage& image = images[blockIdx.z];
  const Geometry& g = image.geometry;
  const int px = x - g.pad_left, py = y - g.pad_top;
  float rgb[channels];
  if (px >= 0 && py >= 0 && px < g.resized_width && py < g.resized_height) {
    const Tap column = column_tap(px, source_scale(g.image_width, g.resized_width), g.image_width);
    const Tap row = row_tap(py, source_scale(g.image_height, g.resized_height), g.image_height);
    resized_pixel(image.pixels, image.pitch, image.order, column, row, Scaling::unit, rgb);
  } else {
    for (int c = 0; c < channels; ++c) rgb[c] = scaled_value(pad_value, Scaling::unit, c);
  }
  input.write(blockIdx.z, x, y, rgb);
}

/// input = the crop's window of its image resized bilinearly with OpenCV's fixed-point weights, normalised
/// by ImageNet's mean and deviation; zero beyond *count.
/// A thread has one pixel of the input; blocks of 32 x 8; the grid is columns x rows x slots.
/// Shared memory: none.
/// Barriers: none; the kernel starts in stream order.
/// reid_crop_batch() launches it before the ReID model.
template <class T>
__global__ void reid_crop_kernel(const InputImage* images, const Crop* crops, const int* count,
                                 const int* first, ImageSlots<T> input) {
  const int x = blockIdx.x * block_width + threadIdx.x;
  const int y = blockIdx.y * block_height + threadIdx.y;
  if (x >= input.width || y >= input.height) return;
  float rgb[channels] = {};
  const int index = *first + static_cast<int>(blockIdx.z);
  if (index < *count) {
    const Crop& crop = crops[index];
    const InputImage& image = images[crop.image];
    const CropWindow window = crop_window(crop.box, image.geometry.image_width, image.geometry.image_height);
    const int width = window.right - window.left, height = window.bottom - window.top;
    if (width > 0 && height > 0) {
      const Tap column = column_tap(x, source_scale(width, input.width), width);
      const Tap row = row_tap(y, source_scale(height, input.height), height);
      const std::uint8_t* corner =
          image.pixels + window.top * image.pitch + std::ptrdiff_t{channels} * window.left;
      resized_pixel(corner, image.pitch, image.order, column, row, Scaling::imagenet, rgb);
    }
  }
  input.write(blockIdx.z, x, y, rgb);
}

// ------------------------------------------------------------ launchers

dim3 grid_for(const TensorView& input, int count) {
  const auto blocks = [](std::int64_t extent, int block) {
    return static_cast<unsigned>((extent + block - 1) / block);
  };
  return {blocks(input.shape[3], block_width), blocks(input.shape[2], block_height),
          static_cast<unsigned>(count)};
}

void require_device_input(const TensorView& input, int count) {
  if (!input.device.on_gpu() || input.shape.rank() != 4 || input.shape[1] != channels ||
      count > input.shape[0] || (input.dtype != DType::f16 && input.dtype != DType::f32))
    throw Error("internal.preprocess", "A batch of " + std::to_string(count) +
                                           " images does not fit an input of shape " +
                                           to_string(input.shape) + " on " + to_string(input.device) + ".");
}

constexpr dim3 block{block_width, block_height};

}  // namespace

void letterbox_batch(const InputImage* images, int count, const TensorView& input, void* cuda_stream) {
  require_device_input(input, count);
  if (count == 0) return;
  const auto stream = static_cast<cudaStream_t>(cuda_stream);
  if (input.dtype == DType::f16)
    letterbox_kernel<<<grid_for(input, count), block, 0, stream>>>(images, ImageSlots<Half>(input));
  else
    letterbox_kernel<<<grid_for(input, count), block, 0, stream>>>(images, ImageSlots<float>(input));
  cuda::check_launch("letterbox");
}

void reid_crop_batch(const InputImage* images, const Crop* crops, const int* count, const int* first,
                     const TensorView& input, void* cuda_stream) {
  const int slots = static_cast<int>(input.shape[0]);
  require_device_input(input, slots);
  const auto stream = static_cast<cudaStream_t>(cuda_stream);
  if (input.dtype == DType::f16)
    reid_crop_kernel<<<grid_for(input, slots), block, 0, stream>>>(images, crops, count, first,
                                                                   ImageSlots<Half>(input));
  else
    reid_crop_kernel<<<grid_for(input, slots), block, 0, stream>>>(images, crops, count, first,
                                                                   ImageSlots<float>(input));
  cuda::check_launch("reid_crop");
}

}  // namespace peregrine::preprocess
