// The kernels against the CPU functions: equal to the bit, for images of many sizes in one launch.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "core/half.h"
#include "core/tensor.h"
#include "generated_picture.h"
#include "stages/preprocess/cuda/preprocess.h"
#include "stages/preprocess/letterbox.h"
#include "stages/preprocess/preprocess.h"
#include "support/cuda_device.h"

namespace peregrine::preprocess {
namespace {

struct Layout {
  const char* name;
  DType dtype;
  bool channels_last;
  int padded_channels;
};

TensorView view_of(void* data, const Layout& layout, Device device, int n, int height, int width) {
  const Shape shape{n, 3, height, width};
  if (!layout.channels_last) return {data, layout.dtype, device, shape, dense_strides(shape)};
  const std::int64_t c = layout.padded_channels;
  return {data, layout.dtype, device, shape, {height * width * c, 1, width * c, c}};
}

class CudaPreprocess : public testing::TestWithParam<Layout> {
 protected:
  void SetUp() override {
    PEREGRINE_NEED_CUDA_DEVICE();
    stream_ = cuda::Stream::create();
  }

  /// Images in device memory, and what the kernels need to know of them.
  void add(HostImage image, const Geometry& geometry) {
    pixels_.push_back(test::upload(image.pixels, stream_.get()));
    input_images_.push_back({reinterpret_cast<const std::uint8_t*>(pixels_.back().data()),
                             std::ptrdiff_t{3} * image.width, image.order, geometry});
    images_.push_back(std::move(image));
  }

  std::size_t bytes(int n, int height, int width) const {
    return static_cast<std::size_t>(n) * GetParam().padded_channels * height * width *
           size_of(GetParam().dtype);
  }

  cuda::Stream stream_;
  std::vector<HostImage> images_;
  std::vector<cuda::DeviceBuffer> pixels_;
  std::vector<InputImage> input_images_;
};

TEST_P(CudaPreprocess, LetterboxEqualsTheHost) {
  constexpr int height = 320, width = 416;
  std::mt19937 random(7);
  for (int i = 0; i < 24; ++i) {
    const int w = 1 + static_cast<int>(random() % 900), h = 1 + static_cast<int>(random() % 900);
    HostImage image = test::generated_image(w, h);
    if (i % 2) image.order = PixelOrder::rgb;
    add(std::move(image), letterbox(w, h, width, height));
  }
  const int n = static_cast<int>(images_.size());
  std::vector<std::byte> expected(bytes(n, height, width));
  for (int i = 0; i < n; ++i)
    letterbox_into(images_[i].view(), input_images_[i].geometry,
                   view_of(expected.data(), GetParam(), Device::cpu(), n, height, width), i);
  cuda::DeviceBuffer out(expected.size(), "input");
  cuda::fill(out.data(), 0xee, out.bytes(), stream_.get());
  const auto descriptors = test::upload(input_images_, stream_.get());
  letterbox_batch(reinterpret_cast<const InputImage*>(descriptors.data()), n,
                  view_of(out.data(), GetParam(), Device::cuda(0), n, height, width), stream_.get());
  EXPECT_EQ(
      std::memcmp(test::download<std::byte>(out, stream_.get()).data(), expected.data(), expected.size()), 0);
}

TEST_P(CudaPreprocess, CropsEqualTheHost) {
  constexpr int height = 256, width = 128, slots = 8;
  for (int i = 0; i < 3; ++i) {
    Geometry g;
    g.image_width = 300 + i, g.image_height = 200 + i;
    add(test::generated_image(g.image_width, g.image_height), g);
  }
  std::vector<Crop> crops{{{10.5f, 20.5f, 90.2f, 190.9f}, 0},
                          {{-5, -5, 400, 400}, 1},
                          {{50, 50, 50.3f, 80}, 2},
                          {{11.5f, 12.5f, 13.4f, 14.6f}, 2},
                          {{250, 150, 303, 203}, 2}};
  const std::vector<int> count{5};
  constexpr int first = 1;
  std::vector<std::byte> expected(bytes(slots, height, width));
  const TensorView host = view_of(expected.data(), GetParam(), Device::cpu(), slots, height, width);
  for (int i = first; i < count[0]; ++i)
    reid_crop_into(images_[crops[i].image].view(),
                   {crops[i].box[0], crops[i].box[1], crops[i].box[2], crops[i].box[3]}, host, i - first);
  cuda::DeviceBuffer out(expected.size(), "input");
  cuda::fill(out.data(), 0xee, out.bytes(), stream_.get());
  const auto descriptors = test::upload(input_images_, stream_.get());
  const auto device_crops = test::upload(crops, stream_.get());
  const auto place = test::upload(std::vector<int>{count[0], first}, stream_.get());
  const int* const device_count = reinterpret_cast<const int*>(place.data());
  reid_crop_batch(reinterpret_cast<const InputImage*>(descriptors.data()),
                  reinterpret_cast<const Crop*>(device_crops.data()), device_count, device_count + 1,
                  view_of(out.data(), GetParam(), Device::cuda(0), slots, height, width), stream_.get());
  EXPECT_EQ(
      std::memcmp(test::download<std::byte>(out, stream_.get()).data(), expected.data(), expected.size()), 0);
}

INSTANTIATE_TEST_SUITE_P(Layouts, CudaPreprocess,
                         testing::Values(Layout{"half_nhwc4", DType::f16, true, 4},
                                         Layout{"half_nhwc8", DType::f16, true, 8},
                                         Layout{"half_nchw", DType::f16, false, 3},
                                         Layout{"float_nchw", DType::f32, false, 3},
                                         Layout{"float_nhwc3", DType::f32, true, 3}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace peregrine::preprocess
