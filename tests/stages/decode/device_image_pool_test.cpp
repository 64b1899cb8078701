// What the GPU cannot decode comes from the host, says so, and is refused under --strict-decode.
#include "predictor/gpu/device_image_pool.h"

#include <nvjpeg.h>

#include "core/log.h"
#include "cuda/device.h"
#include "gpu_policy/transfer_log.h"
#include "jpeg_double.h"
#include "peregrine/error.h"
#include "stages/decode/decode.h"

namespace peregrine::predictor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Frames : public test::JpegDouble {
 protected:
  void TearDown() override {
    decoder_.reset();
    JpegDouble::TearDown();
  }
  std::vector<DeviceImagePool::LoadedImage> load(const std::vector<std::string>& names, bool strict = false,
                                                 std::int64_t max_pixels = decode::default_max_pixels) {
    files_.clear();
    for (const std::string& name : names)
      files_.push_back(name.starts_with("damaged ") ? damaged(name.substr(8)) : image(name));
    std::vector<Frame> frames;
    for (std::size_t i = 0; i < names.size(); ++i) frames.push_back({names[i], files_[i], {}});
    return frames_.load(frames, strict, max_pixels, stream_.get());
  }
  void expect_pixels_of_the_host(const DeviceImagePool::LoadedImage& loaded, std::size_t i) const {
    ASSERT_FALSE(loaded.error) << loaded.error->what();
    const HostImage host = decode::decode_image(files_[i], "an image");
    ASSERT_EQ(loaded.view.width, host.width);
    ASSERT_EQ(loaded.view.height, host.height);
    EXPECT_EQ(std::memcmp(loaded.view.data, host.pixels.data(), host.pixels.size()), 0);
    EXPECT_EQ(loaded.view.device, Device::cuda(0));
  }
  static std::vector<std::string> names(const transfer_log::Recording& recording) {
    std::vector<std::string> list;
    for (const auto& transfer : recording.transfers()) list.push_back(transfer.name);
    return list;
  }

  cuda::Stream stream_ = cuda::Stream::create();
  GpuPolicy policy_{true, Device::cuda(0), cuda::place_of};
  std::optional<decode::JpegDecoder> decoder_;
  DeviceImagePool frames_{8, policy_, decoder_};
  std::vector<std::vector<std::byte>> files_;
};

TEST_F(Frames, WhatTheGpuCannotDecodeComesAsPixelsFromTheHost) {
  const transfer_log::Recording recording;
  const auto loaded = load({"sampling_420.jpg", "progressive.jpg", "cmyk.jpg", "rgb_8.png", "lossy.webp",
                            "orientation_6.jpg", "grey.jpg"});
  const std::vector<bool> expected{false, true, true, true, true, false, false};
  for (std::size_t i = 0; i < loaded.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(loaded[i].host_decoded, expected[i]);
    expect_pixels_of_the_host(loaded[i], i);
  }
  EXPECT_THAT(names(recording), ElementsAre("pixels", "pixels", "pixels", "pixels", "jpeg", "jpeg", "jpeg"));
}

TEST_F(Frames, TheBackendIsNamedOnce) {
  std::vector<std::string> lines;
  log::set_sink([&](log::Level, std::string_view line) { lines.emplace_back(line); });
  without_engine();
  load({"grey.jpg"});
  load({"grey.jpg"});
  log::set_sink({});
  EXPECT_THAT(lines, ElementsAre("JPEGs are decoded by nvJPEG's GPU_HYBRID backend"));
}

TEST_F(Frames, WithoutADecoderEngineJpegsCountAsHostDecodedAndStrictRefusesThem) {
  without_engine();
  const auto decoded = load({"sampling_420.jpg"});
  EXPECT_TRUE(decoded[0].host_decoded);
  expect_pixels_of_the_host(decoded[0], 0);
  const auto refused = load({"sampling_420.jpg"}, true);
  ASSERT_TRUE(refused[0].error);
  EXPECT_EQ(refused[0].error->code(), "enforcement.host_decoded");
  EXPECT_THAT(refused[0].error->sentence(), HasSubstr("GPU_HYBRID"));
}

TEST_F(Frames, WhatNvjpegFailsAtIsDecodedByTheHostWhichMayFindItDamagedToo) {
  fail("nvjpegDecodeBatchedEx", NVJPEG_STATUS_JPEG_NOT_SUPPORTED);
  const auto loaded = load({"sampling_420.jpg", "damaged sampling_444.jpg"});
  EXPECT_TRUE(loaded[0].host_decoded);
  expect_pixels_of_the_host(loaded[0], 0);
  ASSERT_TRUE(loaded[1].error);
  EXPECT_THAT(loaded[1].error->code(), ::testing::StartsWith("image."));
  EXPECT_THAT(loaded[1].error->sentence(), HasSubstr("damaged sampling_444.jpg"));
}

/// The hint of an nvJPEG that does not work, followed.
TEST_F(Frames, WithoutNvjpegAPngIsDecodedByTheHost) {
  fail("nvjpegJpegStateCreate", NVJPEG_STATUS_EXECUTION_FAILED);
  try {
    load({"grey.jpg"});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "device.jpeg");
    EXPECT_EQ(error.hint(), "Save the image as PNG, which the host decodes.");
  }
  const auto loaded = load({"rgb_8.png"});
  EXPECT_TRUE(loaded[0].host_decoded);
  expect_pixels_of_the_host(loaded[0], 0);
}

TEST_F(Frames, UnderStrictDecodeTheHostDecodesNothing) {
  const auto loaded = load({"progressive.jpg", "sampling_420.jpg", "rgb_8.png"}, true);
  for (const std::size_t i : {0, 2}) {
    ASSERT_TRUE(loaded[i].error);
    EXPECT_EQ(loaded[i].error->code(), "enforcement.host_decoded");
  }
  EXPECT_EQ(loaded[0].error->sentence(),
            "progressive.jpg would be decoded on the host: it is not a baseline JPEG.");
  EXPECT_EQ(loaded[2].error->sentence(), "rgb_8.png would be decoded on the host: it is no JPEG.");
  expect_pixels_of_the_host(loaded[1], 1);
  EXPECT_FALSE(loaded[1].host_decoded);
}

TEST_F(Frames, LargerImagesThanAllowedAreRefusedBeforeAnythingIsAllocated) {
  const auto before = cuda_.calls().contains("malloc") ? cuda_.calls().at("malloc") : 0;
  const auto loaded = load({"sampling_420.jpg"}, false, 100);
  ASSERT_TRUE(loaded[0].error);
  EXPECT_EQ(loaded[0].error->code(), "image.too_large");
  EXPECT_EQ(cuda_.calls().contains("malloc") ? cuda_.calls().at("malloc") : 0, before);
}

}  // namespace
}  // namespace peregrine::predictor
