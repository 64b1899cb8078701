// Bad input, failing CUDA calls and plans that do not fit: one clear error each, and the next call works.
// Frames handed over as device memory.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <future>

#include "engine/cuda/plan/plan_file.h"
#include "golden.h"
#include "gpu_fixture.h"
#include "peregrine/error.h"
#include "predictor/models/build_engine.h"
#include "support/cuda_device.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using predictor::Frame;
using predictor::RunnerResult;
using testing::HasSubstr;

class GpuPipeline : public testing::Test {
 protected:
  void SetUp() override {
    PEREGRINE_NEED_CUDA_DEVICE();
    image_ = test::read_image(demo_ / "scenes" / "val2017" / "000000.jpg");
  }
  test::GpuRun run(int batch) const { return {.models = {demo_ / "demo-detect.pt"}, .batch = batch}; }
  Frame file() const { return {"good.jpg", image_.file, {}}; }
  Frame pixels() const { return {"pixels", {}, image_.pixels.view()}; }

  const fs::path demo_ = test::repository_file("models/demo");
  test::InputImage image_;
};

void expect_same(const RunnerResult& got, const RunnerResult& expected) {
  ASSERT_TRUE(got.result) << got.error->what();
  ASSERT_TRUE(expected.result);
  ASSERT_EQ(got.result->objects.size(), expected.result->objects.size());
  for (std::size_t i = 0; i < got.result->objects.size(); ++i) {
    EXPECT_EQ(got.result->objects[i].box, expected.result->objects[i].box);
    EXPECT_EQ(got.result->objects[i].confidence, expected.result->objects[i].confidence);
  }
}

/// Makes one call of the CUDA runtime fail, until it goes out of scope.
template <class Function>
class Failing {
 public:
  Failing(Function*& entry, Function* failure) : entry_(entry), good_(entry) { entry = failure; }
  ~Failing() { entry_ = good_; }
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;

 private:
  Function*& entry_;
  Function* good_;
};

std::string failure_of(predictor::BatchRunner& runner, std::span<const Frame> frames) {
  try {
    runner.run(frames);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_F(GpuPipeline, DamagedJpegsInABatchFailAlone) {
  const auto runner = test::make_gpu_runner(run(4));
  auto cut = image_.file;
  cut.resize(cut.size() / 2);
  const std::vector<std::byte> noise(1000, std::byte{0x5a});
  const std::vector<Frame> frames{file(), {"cut.jpg", cut, {}}, file(), {"noise.jpg", noise, {}}};
  const auto outcomes = runner->run(frames);
  ASSERT_EQ(outcomes.size(), frames.size());
  ASSERT_TRUE(outcomes[1].error && outcomes[3].error);
  EXPECT_THAT(outcomes[1].error->what(), HasSubstr("cut.jpg"));
  EXPECT_THAT(outcomes[3].error->what(), HasSubstr("noise.jpg"));
  ASSERT_TRUE(outcomes[0].result);
  EXPECT_FALSE(outcomes[0].result->objects.empty());
  expect_same(outcomes[2], outcomes[0]);
  const std::vector<Frame> again{file(), file()};
  expect_same(runner->run(again)[1], outcomes[0]);
}

/// As Pipeline::run does: a batch is decoded by another thread while the one before runs.
TEST_F(GpuPipeline, OverlappedDecodingFindsWhatOneAfterTheOtherFinds) {
  const auto runner = test::make_gpu_runner(run(2));
  const test::InputImage other = test::read_image(demo_ / "scenes" / "val2017" / "000001.jpg");
  const std::vector<Frame> frames{file(), {"other.jpg", other.file, {}}, pixels()};
  const auto batch = [&](std::size_t i) { return std::vector<Frame>{frames[i % 3], frames[(i + 1) % 3]}; };
  std::vector<std::vector<RunnerResult>> expected;
  for (std::size_t i = 0; i < 3; ++i) expected.push_back(runner->run(batch(i)));
  auto upcoming = runner->prepare(batch(0));
  for (std::size_t i = 0; i < 12; ++i) {
    SCOPED_TRACE(i);
    auto following = std::async(std::launch::async, [&] { return runner->prepare(batch(i + 1)); });
    const auto outcomes = runner->finish(*upcoming);
    for (std::size_t n = 0; n < 2; ++n) expect_same(outcomes[n], expected[i % 3][n]);
    upcoming = following.get();
  }
}

TEST_F(GpuPipeline, TooLargeImagesFailAlone) {
  test::GpuRun small = run(2);
  small.max_pixels = std::int64_t{image_.pixels.width} * image_.pixels.height;
  const auto runner = test::make_gpu_runner(small);
  const test::InputImage larger = test::read_image(demo_ / "scenes" / "val2017" / "000000.jpg");
  auto enlarged = larger.file;  // its header says twice the height
  for (std::size_t i = 0; i + 8 < enlarged.size(); ++i)
    if (enlarged[i] == std::byte{0xff} && enlarged[i + 1] == std::byte{0xc0}) {
      const int height = 2 * image_.pixels.height;
      enlarged[i + 5] = static_cast<std::byte>(height >> 8);
      enlarged[i + 6] = static_cast<std::byte>(height & 0xff);
      break;
    }
  const std::vector<Frame> frames{{"large.jpg", enlarged, {}}, file()};
  const auto outcomes = runner->run(frames);
  ASSERT_TRUE(outcomes[0].error);
  EXPECT_THAT(outcomes[0].error->what(), HasSubstr("large.jpg"));
  EXPECT_TRUE(outcomes[1].result);
}

TEST_F(GpuPipeline, DeviceFramesWithPitchOrderAndStreamEqualHostFrames) {
  const auto runner = test::make_gpu_runner(run(1));
  const HostImage& image = image_.pixels;
  const std::ptrdiff_t pitch = std::ptrdiff_t{3} * image.width + 37;
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(pitch) * image.height, 0xab);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      for (int c = 0; c < 3; ++c)
        rgb[static_cast<std::size_t>(y * pitch + 3 * x + c)] =
            image.pixels[(static_cast<std::size_t>(y) * image.width + x) * 3 + 2 - c];
  const cuda::Stream writer = cuda::Stream::create();
  const cuda::DeviceBuffer memory(rgb.size(), "frame");
  cuda::copy_to_device("frame", memory.data(), rgb.data(), rgb.size(), writer.get());
  Frame frame{"device frame", {}, {}};
  frame.pixels = ImageView{reinterpret_cast<const std::uint8_t*>(memory.data()),
                           image.width,
                           image.height,
                           pitch,
                           PixelOrder::rgb,
                           Device::cuda(0),
                           writer.get()};
  const Frame host = pixels();
  const auto frame_result = std::move(runner->run({&frame, 1}).front());
  ASSERT_TRUE(frame_result.result) << frame_result.error->what();
  EXPECT_FALSE(frame_result.result->host_decoded);
  for (const NamedBytes& transfer : frame_result.result->host_to_device) EXPECT_NE(transfer.name, "pixels");
  expect_same(frame_result, runner->run({&host, 1}).front());
}

TEST_F(GpuPipeline, FrameThatLiesAboutItsPlaceIsRefused) {
  const auto runner = test::make_gpu_runner(run(1));
  Frame frame = pixels();
  frame.pixels->device = Device::cuda(0);
  const auto outcomes = runner->run({&frame, 1});
  ASSERT_TRUE(outcomes[0].error);
  EXPECT_THAT(outcomes[0].error->what(),
              HasSubstr("GPU enforcement violation: pixels not on GPU (it is on cpu, expected cuda:0)"));
  const Frame good = pixels();
  EXPECT_TRUE(runner->run({&good, 1}).front().result);
}

TEST_F(GpuPipeline, OutOfMemoryIsNamedAndTheNextCallWorks) {
  const auto runner = test::make_gpu_runner(run(1));
  const Frame frame = file();
  {
    auto& entry = cuda::runtime().malloc;
    const Failing failing(
        entry, +[](void**, std::size_t) { return cudaErrorMemoryAllocation; });
    EXPECT_THAT(failure_of(*runner, {&frame, 1}),
                HasSubstr("GPU-only operation failed: decode: cudaMalloc failed"));
  }
  EXPECT_TRUE(runner->run({&frame, 1}).front().result);
}

TEST_F(GpuPipeline, FailedLaunchIsNamedAndTheNextCallWorks) {
  const auto runner = test::make_gpu_runner(run(1));
  const Frame frame = pixels();
  {
    auto& entry = cuda::runtime().graph_launch;
    const Failing failing(
        entry, +[](cudaGraphExec_t, cudaStream_t) { return cudaErrorLaunchFailure; });
    EXPECT_THAT(failure_of(*runner, {&frame, 1}),
                HasSubstr("GPU-only operation failed: inference demo-detect.pt: cudaGraphLaunch failed"));
  }
  EXPECT_TRUE(runner->run({&frame, 1}).front().result);
}

TEST_F(GpuPipeline, PlansThatDoNotFitAreRefused) {
  const auto context = test::untuned_cuda(Precision::fp16);
  const Plan good = predictor::build_plan(load_model(demo_ / "demo-reid.pth"), context, {1, 256, 128}, false);
  const auto refusal = [&](const Plan& plan) -> std::string {
    try {
      context.builder->load(plan, context.device);
    } catch (const Error& error) {
      return error.code() + ": " + error.what();
    }
    return "";
  };
  Plan cut = good;
  cut.bytes.resize(cut.bytes.size() / 2);
  EXPECT_THAT(refusal(cut), HasSubstr("engine.plan: The engine's plan is cut short"));
  cuda::ExecutionPlan content = cuda::plan_from_bytes(good.bytes);
  content.identity.device_name = "Another GPU";
  Plan other = good;
  other.bytes = cuda::to_bytes(content);
  EXPECT_THAT(refusal(other), HasSubstr("made for the GPU 'Another GPU'"));
  EXPECT_EQ(refusal(good), "");
}

TEST(GpuMemoryPool, ItsMemoryIsThatOfTheDeviceAndServesAnyStreamAtOnce) {
  PEREGRINE_NEED_CUDA_DEVICE();
  const cuda::MemoryPool pool(0);
  const auto stream = cuda::Stream::create();
  constexpr std::size_t bytes = std::size_t{16} << 20;
  for (int value = 1; value < 4; ++value) {  // what is given back may come again
    const cuda::DeviceBuffer first(bytes, "a test", &pool), second(bytes, "a test", &pool);
    EXPECT_EQ(cuda::place_of(first.data()), Device::cuda(0));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first.data()) % 256, 0u) << "as TensorRT wants it";
    cuda::fill(first.data(), value, bytes, stream.get());
    cuda::fill(second.data(), 0, bytes, stream.get());
    const auto written = test::download<std::uint8_t>(first, stream.get());
    EXPECT_EQ(std::ranges::count(written, value), static_cast<std::ptrdiff_t>(bytes));
  }
}

}  // namespace
}  // namespace peregrine
