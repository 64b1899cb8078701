// nvJPEG against the host decoder. The two round differently; how far they part is measured here and bounded.
#include <gmock/gmock.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include "peregrine/error.h"
#include "stages/decode/cuda/jpeg_decoder.h"
#include "stages/decode/decode.h"
#include "support/cuda_device.h"
#include "support/test_data.h"

namespace peregrine::decode {
namespace {

std::vector<std::byte> read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::byte> out(bytes.size());
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

struct Difference {
  double mean = 0;
  int largest = 0;
};

Difference compare(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  Difference difference;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const int d = std::abs(a[i] - b[i]);
    difference.mean += d;
    difference.largest = std::max(difference.largest, d);
  }
  difference.mean /= static_cast<double>(a.size());
  return difference;
}

class CudaJpeg : public testing::TestWithParam<JpegBackend> {
 protected:
  void SetUp() override {
    PEREGRINE_NEED_CUDA_DEVICE();
    stream_ = cuda::Stream::create();
    try {
      decoder_.emplace(GetParam());
    } catch (const Error& error) {
      GTEST_SKIP() << "skipped: " << error.what();
    }
  }

  /// Decodes all files as one batch; empty pixels for those that failed.
  std::vector<std::vector<std::uint8_t>> decode(const std::vector<std::vector<std::byte>>& files) {
    std::vector<cuda::DeviceBuffer> buffers;
    std::vector<JpegJob> jobs;
    for (const auto& file : files) {
      const JpegHeader header = decoder_->inspect(file);
      EXPECT_EQ(header.refusal, "");
      const std::size_t pitch = static_cast<std::size_t>(header.width) * 3;
      buffers.emplace_back(pitch * header.height, "picture");
      jobs.push_back(
          {file, reinterpret_cast<std::uint8_t*>(buffers.back().data()), pitch, header.orientation});
    }
    const auto failed = std::make_unique<bool[]>(files.size());
    decoder_->decode(jobs, {failed.get(), files.size()}, stream_.get());
    std::vector<std::vector<std::uint8_t>> images;
    for (std::size_t i = 0; i < files.size(); ++i)
      images.push_back(failed[i] ? std::vector<std::uint8_t>{}
                                 : test::download<std::uint8_t>(buffers[i], stream_.get()));
    return images;
  }

  cuda::Stream stream_;
  std::optional<JpegDecoder> decoder_;
};

TEST_P(CudaJpeg, IsCloseToTheHost) {
  PEREGRINE_NEED_SHARED_DATA(data);
  std::vector<std::vector<std::byte>> files;
  for (const char* name : {"bus.jpg", "zidane.jpg"}) files.push_back(read(data / "images" / name));
  const auto images = decode(files);
  for (std::size_t i = 0; i < files.size(); ++i) {
    const HostImage host = decode_image(files[i], "picture");
    ASSERT_EQ(images[i].size(), host.pixels.size());
    const Difference difference = compare(images[i], host.pixels);
    RecordProperty("mean_difference_" + std::to_string(i), std::to_string(difference.mean));
    std::printf("%s, image %zu: mean difference %.4f, largest %d\n", to_string(GetParam()), i,
                difference.mean, difference.largest);
    EXPECT_LT(difference.mean, 1.0);
  }
}

TEST_P(CudaJpeg, DamagedImageCostsOnlyItself) {
  PEREGRINE_NEED_SHARED_DATA(data);
  const auto good = read(data / "images" / "bus.jpg");
  auto bad = good;
  for (std::size_t i = 2000; i + 2 < bad.size(); ++i)
    bad[i] = std::byte{0xff};  // no valid scan, end marker kept
  const auto images = decode({good, bad, good});
  EXPECT_FALSE(images[0].empty());
  EXPECT_EQ(images[0], images[2]);
  const HostImage host = decode_image(good, "picture");
  EXPECT_LT(compare(images[0], host.pixels).mean, 1.0);
}

TEST_P(CudaJpeg, RefusesWhatItCannotDecode) {
  PEREGRINE_NEED_SHARED_DATA(data);
  auto cut = read(data / "images" / "bus.jpg");
  cut.resize(cut.size() / 2);
  EXPECT_THAT(decoder_->inspect(cut).refusal, testing::HasSubstr("ends before"));
  EXPECT_THAT(decoder_->inspect(read(test::repository_file("ARCHITECTURE.md"))).refusal,
              testing::HasSubstr("no JPEG"));
}

INSTANTIATE_TEST_SUITE_P(Backends, CudaJpeg, testing::Values(JpegBackend::hardware, JpegBackend::gpu_hybrid),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace peregrine::decode
