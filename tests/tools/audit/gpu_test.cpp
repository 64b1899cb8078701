// CUPTI itself: copies that the transfer log does not know are seen, inside of graphs too; and what nvJPEG
// carries over the bus for an image, backend by backend: its file, or what the host has made of it.
#include <gmock/gmock.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "core/trace.h"
#include "cuda/graph.h"
#include "peregrine/error.h"
#include "stages/decode/cuda/jpeg_decoder.h"
#include "support/cuda_device.h"
#include "support/test_data.h"
#include "tools/audit/audit.h"
#include "tools/audit/cuda/recorder.h"

namespace peregrine::audit {
namespace {

using decode::JpegBackend;

std::vector<std::byte> read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

class JpegOnTheGpu : public testing::TestWithParam<JpegBackend> {
 protected:
  /// What is wrong with the copies of one decoding, the decoder being warm; nothing where CUPTI or the
  /// backend is missing.
  std::optional<std::vector<std::string>> judged(const std::vector<std::byte>& file) {
    std::optional<decode::JpegDecoder> decoder;
    std::optional<ActivityRecorder> recorder;
    try {
      decoder.emplace(GetParam());
      recorder.emplace();
    } catch (const Error& error) {
      reason_ = error.what();
      return {};
    }
    const cuda::Stream stream = cuda::Stream::create();
    const decode::JpegHeader header = decoder->inspect(file);
    EXPECT_EQ(header.refusal, "");
    const std::size_t pitch = static_cast<std::size_t>(header.width) * 3;
    const cuda::DeviceBuffer pixels(pitch * static_cast<std::size_t>(header.height), "picture");
    const decode::JpegJob job{file, reinterpret_cast<std::uint8_t*>(pixels.data()), pitch,
                              header.orientation};
    Activity activity;
    for (int i = 0; i < 2; ++i) {
      bool failed = true;
      decoder->decode({&job, 1}, {&failed, 1}, stream.get());
      EXPECT_FALSE(failed);
      activity = recorder->take();
    }
    for (const CopySum& sum : sum_up(activity.copies))
      std::printf("%s, a file of %zu bytes for %dx%d: %llu copies %s, %llu bytes (%s)\n",
                  to_string(GetParam()), file.size(), header.width, header.height,
                  static_cast<unsigned long long>(sum.copies), to_string(sum.kind),
                  static_cast<unsigned long long>(sum.bytes), sum.range.c_str());
    std::printf("%llu kernels\n", static_cast<unsigned long long>(activity.launches_in("jpeg")));
    EXPECT_EQ(activity.dropped, 0u);
    return evaluate(std::vector<FrameAudit>{{"picture", -1, {{"jpeg", file.size()}}, {}, false, {}}},
                    activity);
  }
  std::string reason_;
};

// GPU_HYBRID brings more, which is why its images count as host-decoded.
TEST_P(JpegOnTheGpu, TheDecoderEngineBringsItsFileAndNothingElse) {
  PEREGRINE_NEED_CUDA_DEVICE();
  PEREGRINE_NEED_SHARED_DATA(data);
  const auto violations = judged(read(data / "images" / "bus.jpg"));
  if (!violations) GTEST_SKIP() << "skipped: " << reason_;
  if (GetParam() == JpegBackend::hardware)
    EXPECT_THAT(*violations, testing::IsEmpty());
  else
    EXPECT_THAT(*violations,
                testing::ElementsAre(testing::HasSubstr("part of its decoding runs on the host")));
}

INSTANTIATE_TEST_SUITE_P(Backends, JpegOnTheGpu,
                         testing::Values(JpegBackend::hardware, JpegBackend::gpu_hybrid),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST(AuditOnTheGpu, ACopyBehindTheTransferLogsBackIsFoundInAGraphToo) {
  PEREGRINE_NEED_CUDA_DEVICE();
  std::optional<ActivityRecorder> recorder;
  try {
    recorder.emplace();
  } catch (const Error& error) {
    GTEST_SKIP() << "skipped: " << error.what();
  }
  const cuda::Stream stream = cuda::Stream::create();
  constexpr std::size_t bytes = 123'456;
  const cuda::DeviceBuffer device(bytes, "a buffer");
  const cuda::PinnedBuffer host(bytes, "a buffer");
  const auto copy = [&](void* to, const void* from, cudaMemcpyKind kind) {
    cuda::check(cuda::runtime().memcpy_async(to, from, bytes, kind, stream.get()), "cudaMemcpyAsync");
  };
  copy(host.data(), device.data(), cudaMemcpyDeviceToHost);
  const cuda::Graph graph = cuda::Graph::capture(stream.get(), [&] {
    copy(device.data(), host.data(), cudaMemcpyHostToDevice);
    cuda::fill(device.data(), 0, bytes, stream.get());
  });
  {
    const trace::Range range("inference");
    graph.launch(stream.get());
  }
  const Activity activity = recorder->take();
  ASSERT_EQ(activity.copies.size(), 2u);
  EXPECT_FALSE(activity.copies[0].in_graph);
  EXPECT_TRUE(activity.copies[1].in_graph);
  EXPECT_THAT(evaluate(std::vector<FrameAudit>{}, activity),
              testing::IsSupersetOf(
                  {"CUPTI saw a copy of 123456 bytes to the host that the transfer log does not know",
                   "CUPTI saw a copy of 123456 bytes to the device in inference that the transfer log does "
                   "not know"}));
}

}  // namespace
}  // namespace peregrine::audit
