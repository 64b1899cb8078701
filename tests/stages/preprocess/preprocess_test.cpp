#include "stages/preprocess/preprocess.h"

#include <gmock/gmock.h>

#include "core/half.h"
#include "core/tensor.h"
#include "generated_picture.h"
#include "peregrine/error.h"
#include "stages/preprocess/letterbox.h"
#include "stages/preprocess/pixel_math.h"

namespace peregrine::preprocess {
namespace {

using test::generated_image;

TEST(Letterbox, RoundsHalfToEvenOnDoubles) {
  EXPECT_EQ(letterbox(1280, 853, 640, 640).resized_height, 426);  // 426.5
  EXPECT_EQ(letterbox(1280, 855, 640, 640).resized_height, 428);  // 427.5
}

TEST(Letterbox, NeverResizesToNothing) {
  const Geometry g = letterbox(1, 5000, 640, 640);
  EXPECT_EQ(g.resized_width, 1);
  EXPECT_EQ(g.pad_left, 319);  // round(319.5 - 0.1)
}

TEST(Letterbox, RectPadsToTheNextMultipleOfTheStride) {
  const Geometry g = letterbox_rect(810, 1080, 640, 640, 32);  // bus.jpg
  EXPECT_EQ(g.input_width, 480);
  EXPECT_EQ(g.input_height, 640);
  EXPECT_EQ(g.pad_left + g.pad_top, 0);
}

/// Image and input size, and the input that Ultralytics 8.4.190 makes of them (predict, rect=True), width
/// first.
TEST(Letterbox, RectPadsFromASizeThatIsNoSquare) {
  struct Case {
    int width, height, size_width, size_height, input_width, input_height;
  };
  for (const Case& c : {Case{640, 480, 320, 192, 256, 192}, Case{480, 640, 320, 192, 160, 192},
                        Case{640, 427, 320, 192, 288, 192}, Case{810, 1080, 320, 192, 160, 192},
                        Case{400, 50, 320, 192, 320, 64}, Case{50, 400, 320, 192, 32, 192},
                        Case{319, 191, 320, 192, 320, 192}, Case{100, 100, 320, 192, 192, 192},
                        Case{500, 1, 320, 192, 320, 32}, Case{640, 480, 224, 128, 192, 128},
                        Case{640, 480, 32, 64, 32, 32}, Case{480, 640, 32, 64, 32, 64}}) {
    const Geometry g = letterbox_rect(c.width, c.height, c.size_width, c.size_height, 32);
    EXPECT_EQ(g.input_width, c.input_width) << c.width << "x" << c.height;
    EXPECT_EQ(g.input_height, c.input_height) << c.width << "x" << c.height;
  }
}

TEST(Letterbox, ValidationRoundsTheShortSideUp) {
  EXPECT_EQ(letterbox_validation(640, 427, 320).resized_height, 214);  // 213.5
  EXPECT_EQ(letterbox(640, 425, 320, 320).resized_height, 212);        // 212.5 to even
}

TEST(Resize, OfOnePixelIsThatPixelEverywhere) {
  const HostImage one{1, 1, PixelOrder::bgr, {10, 20, 30}};
  const HostImage large = resize(one.view(), 3, 2);
  ASSERT_EQ(large.pixels.size(), 18u);
  for (std::size_t i = 0; i < large.pixels.size(); ++i) EXPECT_EQ(large.pixels[i], one.pixels[i % 3]);
}

TEST(Resize, ReadsRowsByPitch) {
  const HostImage wide = generated_image(40, 30);
  ImageView part = wide.view();
  part.width = 17;
  HostImage copy{17, 30, PixelOrder::bgr, {}};
  for (int y = 0; y < 30; ++y)
    copy.pixels.insert(copy.pixels.end(), part.data + y * part.pitch, part.data + y * part.pitch + 17 * 3);
  EXPECT_EQ(resize(part, 11, 13).pixels, resize(copy.view(), 11, 13).pixels);
}

TEST(LetterboxInto, GivesRedFirstWhateverTheOrderOfTheImage) {
  HostImage bgr{1, 1, PixelOrder::bgr, {30, 20, 10}};
  HostImage rgb{1, 1, PixelOrder::rgb, {10, 20, 30}};
  for (const HostImage* image : {&bgr, &rgb}) {
    const HostTensor input(DType::f32, {1, 3, 1, 1});
    letterbox_into(image->view(), letterbox(1, 1, 1, 1), input.view(), 0);
    EXPECT_THAT(std::vector<float>(input.as<float>(), input.as<float>() + 3),
                testing::ElementsAre(10 / 255.0f, 20 / 255.0f, 30 / 255.0f));
  }
}

TEST(LetterboxInto, RoundsHalvesOnce) {
  HostImage ramp{256, 1, PixelOrder::rgb, {}};
  for (int v = 0; v < 256; ++v) ramp.pixels.insert(ramp.pixels.end(), 3, static_cast<std::uint8_t>(v));
  const HostTensor input(DType::f16, {1, 3, 1, 256});
  letterbox_into(ramp.view(), letterbox(256, 1, 256, 1), input.view(), 0);
  for (int v = 0; v < 256; ++v) EXPECT_EQ(input.as<Half>()[v].bits, to_half(v / 255.0f).bits) << v;
}

/// The same image, written into a channels-last slot with a fourth, foreign channel.
TEST(LetterboxInto, FollowsStridesAndLeavesTheRestAlone) {
  const HostImage image = generated_image(50, 31);
  const Geometry g = letterbox(50, 31, 32, 32);
  const HostTensor planes(DType::f32, {1, 3, 32, 32});
  letterbox_into(image.view(), g, planes.view(), 0);

  HostTensor interleaved = HostTensor::zeros(DType::f32, {2, 32, 32, 4});
  std::fill_n(interleaved.as<float>(), interleaved.shape().elements(), -1.0f);
  TensorView view = interleaved.view();
  view.shape = {2, 3, 32, 32};
  view.strides = {32 * 32 * 4, 1, 32 * 4, 4};
  letterbox_into(image.view(), g, view, 1);
  for (int i = 0; i < 32 * 32; ++i) {
    const float* pixel = interleaved.as<float>() + (32 * 32 + i) * 4;
    for (int channel = 0; channel < 3; ++channel)
      ASSERT_EQ(pixel[channel], planes.as<float>()[channel * 32 * 32 + i]);
    ASSERT_EQ(pixel[3], -1.0f);
    ASSERT_EQ(interleaved.as<float>()[i * 4], -1.0f) << "slot 0 was touched";
  }
}

TEST(LetterboxInto, RefusesAnInputOfAnotherSize) {
  const HostImage image = generated_image(8, 8);
  const HostTensor input(DType::f32, {1, 3, 32, 32});
  EXPECT_THROW(letterbox_into(image.view(), letterbox(8, 8, 64, 64), input.view(), 0), Error);
  EXPECT_THROW(letterbox_into(image.view(), letterbox(8, 8, 32, 32), input.view(), 1), Error);
  EXPECT_THROW(letterbox_into(image.view(), letterbox(9, 8, 32, 32), input.view(), 0), Error);
  TensorView elsewhere = input.view();
  elsewhere.device = Device::cuda(0);
  EXPECT_THROW(letterbox_into(image.view(), letterbox(8, 8, 32, 32), elsewhere, 0), Error);
}

TEST(ReidCrop, IsTheResizedPartNormalised) {
  const HostImage image = generated_image(60, 90);
  const HostTensor input(DType::f32, {1, 3, 16, 8});
  // 10.5 and 70.5 go to even: columns 10 to 39, rows 20 to 69.
  ASSERT_TRUE(reid_crop_into(image.view(), {10.5f, 19.6f, 40.4f, 70.5f}, input.view(), 0));
  ImageView part = image.view();
  part.data += 20 * part.pitch + 3 * 10;
  part.width = 30;
  part.height = 50;
  const HostImage expected = resize(part, 8, 16);
  for (int i = 0; i < 8 * 16; ++i)
    for (int channel = 0; channel < 3; ++channel)
      ASSERT_EQ(input.as<float>()[channel * 8 * 16 + i],
                scaled_value(expected.pixels[i * 3 + 2 - channel], Scaling::imagenet, channel));
}

TEST(ReidCrop, IsClippedToTheImage) {
  const HostImage image = generated_image(20, 20);
  const HostTensor clipped(DType::f32, {1, 3, 16, 8}), whole(DType::f32, {1, 3, 16, 8});
  EXPECT_TRUE(reid_crop_into(image.view(), {-50, -3, 1e9f, 20.4f}, clipped.view(), 0));
  EXPECT_TRUE(reid_crop_into(image.view(), {0, 0, 20, 20}, whole.view(), 0));
  EXPECT_TRUE(std::equal(clipped.as<float>(), clipped.as<float>() + 3 * 16 * 8, whole.as<float>()));
}

TEST(ReidCrop, WithoutPixelsIsZeros) {
  const HostImage image = generated_image(20, 20);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::array<float, 4>& box :
       {std::array{5.0f, 5.0f, 5.4f, 9.0f}, {9, 5, 3, 9}, {30, 0, 40, 20}, {nan, nan, nan, nan}}) {
    HostTensor input(DType::f16, {1, 3, 4, 2});
    std::fill_n(input.as<Half>(), 24, to_half(1.0f));
    EXPECT_FALSE(reid_crop_into(image.view(), box, input.view(), 0));
    for (int i = 0; i < 24; ++i) EXPECT_EQ(input.as<Half>()[i].bits, 0);
  }
}

}  // namespace
}  // namespace peregrine::preprocess
