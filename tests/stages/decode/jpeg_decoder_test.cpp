// Which backend decodes, what it refuses, and whose fault a failure is.
#include "stages/decode/cuda/jpeg_decoder.h"

#include <nvjpeg.h>

#include <memory>

#include "cuda/memory.h"
#include "cuda/stream.h"
#include "gpu_policy/transfer_log.h"
#include "jpeg_double.h"
#include "peregrine/error.h"
#include "stages/decode/decode.h"

namespace peregrine::decode {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Decoder : public test::JpegDouble {
 protected:
  struct Decoded {
    std::vector<std::vector<std::uint8_t>> pixels;  ///< without the rows' padding
    std::vector<bool> failed;
  };
  /// As one batch, in rows that are longer than the images.
  Decoded decode(JpegDecoder& decoder, const std::vector<std::vector<std::byte>>& files) const {
    constexpr std::size_t padding = 13;
    const cuda::Stream stream = cuda::Stream::create();
    std::vector<cuda::DeviceBuffer> memory;
    std::vector<JpegHeader> headers;
    std::vector<JpegJob> jobs;
    for (const auto& file : files) {
      const JpegHeader& header = headers.emplace_back(decoder.inspect(file));
      EXPECT_EQ(header.refusal, "");
      const std::size_t pitch = static_cast<std::size_t>(header.width) * 3 + padding;
      memory.emplace_back(pitch * static_cast<std::size_t>(header.height), "picture");
      jobs.push_back(
          {file, reinterpret_cast<std::uint8_t*>(memory.back().data()), pitch, header.orientation});
    }
    const auto failed = std::make_unique<bool[]>(files.size());
    decoder.decode(jobs, {failed.get(), files.size()}, stream.get());
    Decoded decoded;
    for (std::size_t i = 0; i < files.size(); ++i) {
      auto& pixels = decoded.pixels.emplace_back();
      for (int y = 0; y < headers[i].height; ++y) {
        const std::uint8_t* row = jobs[i].pixels + static_cast<std::size_t>(y) * jobs[i].pitch;
        pixels.insert(pixels.end(), row, row + headers[i].width * 3);
      }
      decoded.failed.push_back(failed[i]);
    }
    return decoded;
  }
};

TEST_F(Decoder, TakesTheEngineWhereThereIsOneAndKernelsOtherwiseButNeverTheDefault) {
  EXPECT_EQ(JpegDecoder().backend(), JpegBackend::hardware);
  EXPECT_THAT(calls(),
              AllOf(HasSubstr("backend " + std::to_string(NVJPEG_BACKEND_HARDWARE) + " interpolated"),
                    Not(HasSubstr("backend " + std::to_string(NVJPEG_BACKEND_GPU_HYBRID)))));
  without_engine();
  EXPECT_EQ(JpegDecoder().backend(), JpegBackend::gpu_hybrid);
  EXPECT_THAT(calls(),
              AllOf(HasSubstr("backend " + std::to_string(NVJPEG_BACKEND_GPU_HYBRID) + " interpolated"),
                    Not(HasSubstr("backend " + std::to_string(NVJPEG_BACKEND_DEFAULT) + " "))));
}

TEST_F(Decoder, ARequestThatTheGpuCannotFulfilIsAnError) {
  without_engine();
  EXPECT_EQ(JpegDecoder(JpegBackend::gpu_hybrid).backend(), JpegBackend::gpu_hybrid);
  try {
    JpegDecoder{JpegBackend::hardware};
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "device.jpeg");
    EXPECT_EQ(error.sentence(), "nvJPEG has no HARDWARE backend on this GPU.");
  }
}

TEST_F(Decoder, RefusesWhatNvjpegCannotDecodeOnTheGpuAndSaysWhy) {
  for (const JpegBackend backend : {JpegBackend::hardware, JpegBackend::gpu_hybrid}) {
    JpegDecoder decoder(backend);
    EXPECT_EQ(decoder.inspect(image("progressive.jpg")).refusal, "it is not a baseline JPEG");
    EXPECT_EQ(decoder.inspect(image("grey_progressive.jpg")).refusal, "it is not a baseline JPEG");
    EXPECT_EQ(decoder.inspect(image("cmyk.jpg")).refusal, "it is CMYK");
    EXPECT_EQ(decoder.inspect(image("ycck.jpg")).refusal, "it is CMYK");
    EXPECT_EQ(decoder.inspect(image("rgb_8.png")).refusal, "it is no JPEG");
    auto cut = image("sampling_420.jpg");
    cut.resize(cut.size() - 100);
    EXPECT_EQ(decoder.inspect(cut).refusal, "it ends before its image does");
    cut.resize(20);
    EXPECT_EQ(decoder.inspect(cut).refusal, "its header cannot be read");
    EXPECT_EQ(decoder.inspect({}).refusal, "it is no JPEG");
    EXPECT_EQ(decoder.inspect(image("sampling_420.jpg")).refusal, "");
    supports_nothing();  // an image larger than the engine takes, a sampling that it does not know
    EXPECT_EQ(decoder.inspect(image("sampling_420.jpg")).refusal, "nvJPEG does not decode this kind");
    reset();
  }
}

TEST_F(Decoder, ImagesOfEverySamplingAndOrientationAreThoseOfTheHost) {
  std::vector<std::vector<std::byte>> files;
  for (const char* name : {"sampling_444", "sampling_422", "sampling_420", "grey", "restarts", "optimised"})
    files.push_back(image(std::string(name) + ".jpg"));
  for (int orientation = 1; orientation <= 8; ++orientation)
    files.push_back(image("orientation_" + std::to_string(orientation) + ".jpg"));
  for (const JpegBackend backend : {JpegBackend::hardware, JpegBackend::gpu_hybrid}) {
    JpegDecoder decoder(backend);
    const Decoded decoded = decode(decoder, files);
    for (std::size_t i = 0; i < files.size(); ++i) {
      SCOPED_TRACE(i);
      EXPECT_FALSE(decoded.failed[i]);
      EXPECT_EQ(decoded.pixels[i], decode_image(files[i], "an image").pixels);
    }
  }
}

TEST_F(Decoder, ABatchIsOneCallOfTheEngine) {
  JpegDecoder decoder;
  calls();
  const transfer_log::Recording recording;
  const std::vector<std::vector<std::byte>> files{image("sampling_420.jpg"), image("grey.jpg"),
                                                  image("sampling_444.jpg")};
  decode(decoder, files);
  const std::string made = calls();
  EXPECT_THAT(made, AllOf(HasSubstr("nvjpegDecodeBatchedInitialize 3\nnvjpegDecodeBatchedEx 3\n"),
                          Not(HasSubstr("nvjpegDecodeBatchedEx 1")), Not(HasSubstr("nvjpegDecodeJpegHost"))));
  ASSERT_EQ(recording.transfers().size(), 3u);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(recording.transfers()[i],
              (transfer_log::Transfer{"jpeg", transfer_log::Direction::host_to_device, files[i].size()}));
}

TEST_F(Decoder, TheEngineIsNotWaitedForAndItsMemoryIsMarkedForTheBatchAfterNext) {
  JpegDecoder decoder;
  decode(decoder, {image("sampling_420.jpg")});
  const auto count = [&](const char* call) {
    return cuda_.calls().contains(call) ? cuda_.calls().at(call) : 0;
  };
  const int recorded = count("event_record"), waited = count("event_synchronize"),
            synchronized = count("stream_synchronize");
  decode(decoder, {image("sampling_420.jpg"), image("grey.jpg")});
  EXPECT_EQ(count("event_record") - recorded, 1);
  EXPECT_EQ(count("event_synchronize") - waited, 1);
  EXPECT_EQ(count("stream_synchronize"), synchronized);
}

TEST_F(Decoder, WithoutAnEngineTheDecoupledInterfaceIsUsedAndWaitedFor) {
  without_engine();
  JpegDecoder decoder;
  calls();
  const int waited =
      cuda_.calls().contains("stream_synchronize") ? cuda_.calls().at("stream_synchronize") : 0;
  decode(decoder, {image("sampling_420.jpg"), image("grey.jpg")});
  EXPECT_THAT(
      calls(),
      AllOf(HasSubstr("nvjpegDecodeJpegHost\nnvjpegDecodeJpegTransferToDevice\nnvjpegDecodeJpegDevice\n"),
            Not(HasSubstr("nvjpegDecodeBatched"))));
  EXPECT_EQ(cuda_.calls().at("stream_synchronize") - waited, 2) << "the state's buffers are used again";
}

TEST_F(Decoder, ADamagedImageCostsOnlyItself) {
  for (const JpegBackend backend : {JpegBackend::hardware, JpegBackend::gpu_hybrid}) {
    JpegDecoder decoder(backend);
    const auto good = image("sampling_444.jpg");
    const Decoded decoded = decode(decoder, {good, damaged("sampling_444.jpg"), good});
    EXPECT_THAT(decoded.failed, ElementsAre(false, true, false));
    EXPECT_EQ(decoded.pixels[0], decode_image(good, "good").pixels);
    EXPECT_EQ(decoded.pixels[2], decoded.pixels[0]);
  }
}

TEST_F(Decoder, DeviceMemoryThatRunsOutIsNoFaultOfTheImage) {
  const auto error_of = [&](JpegBackend backend, const char* function) -> std::string {
    try {
      JpegDecoder decoder(backend);
      fail(function, NVJPEG_STATUS_ALLOCATOR_FAILURE);
      decode(decoder, {image("sampling_444.jpg"), image("grey.jpg")});
    } catch (const Error& error) {
      return error.code() + ": " + error.sentence();
    }
    return "";
  };
  EXPECT_EQ(error_of(JpegBackend::hardware, "nvjpegDecodeBatchedEx"),
            "device.memory: Decoding a JPEG failed: out of memory (" +
                std::to_string(NVJPEG_STATUS_ALLOCATOR_FAILURE) + ").");
  EXPECT_THAT(error_of(JpegBackend::gpu_hybrid, "nvjpegDecodeJpegDevice"),
              HasSubstr("device.memory: Decoding a JPEG failed"));
}

TEST_F(Decoder, EachCallThatFailsWhileADecoderIsOpenedLeavesNothingBehind) {
  for (const char* function :
       {"nvjpegJpegStateCreate", "nvjpegJpegStreamCreate", "nvjpegDecodeParamsCreate", "nvjpegDecoderCreate",
        "nvjpegDecoderStateCreate", "nvjpegBufferPinnedCreate", "nvjpegBufferDeviceCreate",
        "nvjpegStateAttachPinnedBuffer", "nvjpegStateAttachDeviceBuffer"}) {
    SCOPED_TRACE(function);
    fail(function, NVJPEG_STATUS_ALLOCATOR_FAILURE);
    const bool of_engine = std::string_view(function) == "nvjpegJpegStateCreate";
    try {
      JpegDecoder{of_engine ? JpegBackend::hardware : JpegBackend::gpu_hybrid};
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "device.memory");
      EXPECT_THAT(error.sentence(), HasSubstr(std::string(function) + " failed: out of memory"));
    }
    TearDown();
    SetUp();
    EXPECT_NO_THROW(JpegDecoder{}) << "the next one works";
  }
}

}  // namespace
}  // namespace peregrine::decode
