// Who waits for the kernel before it is told from who does not.
#include "engine/cuda/autotune/pdl_probe.h"

#include <gtest/gtest.h>

#include <optional>

#include "cuda/stream.h"
#include "engine/cuda/kernels/probe.h"
#include "engine/cuda/kernels/providers.h"
#include "single_step.h"

namespace peregrine::cuda {

namespace {

constexpr double close = 4e-3;

/// A convolution with a residual, by a kernel that waits.
class PdlProbe : public testing::Test {
 protected:
  void SetUp() override {
    if (device_count() == 0) GTEST_SKIP() << "skipped: no CUDA device";
    target_.device = device_facts(0);
    if (target_.device.major < 9) GTEST_SKIP() << "skipped: this GPU starts no kernel early";
    stream_ = Stream::create();
    SingleStep step(DType::f16);
    plan_ = step.plan(
        conv("conv", {.n = 1, .c = 64, .h = 40, .w = 40, .k = 64, .kernel = 1, .residual = 1}).make(step));
    weights_ = DeviceBuffer(plan_.weights.size(), "the weights");
    copy_to_device("weights", weights_.data(), plan_.weights.data(), plan_.weights.size(), stream_.get());
    bench_.emplace(plan_, plan_.steps.front(), weights_.data(), stream_.get());
    std::vector<Tactic> tactics = gemm_conv_provider.enumerate_tactics(plan_.steps.front(), target_);
    tactics.front().provider = gemm_conv_provider.name;
    launch_ = instantiate_tactic(plan_.steps.front(), tactics.front(), target_);
    bench_->restore();
    launch_(bench_->memory(), nullptr, stream_.get());
    bench_->keep_as_reference();
  }

  bool waits(const std::function<void()>& enqueue, std::span<std::byte> workspace = {}) {
    return honors_pdl_wait(*bench_, enqueue, workspace, close);
  }

  const TensorRef& residual() const { return std::get<Conv>(plan_.steps.front().operation).residual; }
  std::size_t residual_bytes() const {
    return static_cast<std::size_t>(plan_.buffer(residual().buffer).bytes);
  }
  /// The convolution with its residual taken from there.
  void launch_with_residual_at(std::byte* there) {
    Memory memory = bench_->memory();
    memory.buffers[static_cast<std::size_t>(residual().buffer)] = there;
    launch_(memory, nullptr, stream_.get());
  }

  Target target_;
  Stream stream_;
  ExecutionPlan plan_;
  DeviceBuffer weights_;
  std::optional<StepBench> bench_;
  Launch launch_;
};

TEST_F(PdlProbe, PdlSecondariesThatWait) {
  EXPECT_TRUE(waits([&] { launch_(bench_->memory(), nullptr, LaunchContext(stream_.get(), true, true)); }));
}

TEST_F(PdlProbe, KernelsThatAreNoPdlSecondaries) {
  EXPECT_TRUE(waits([&] { launch_(bench_->memory(), nullptr, stream_.get()); }));
}

TEST_F(PdlProbe, NotWhatReadsOneOfItsInputsBeforeItWaits) {
  const DeviceBuffer copy(residual_bytes(), "a residual");
  const std::byte* residual_now = bench_->memory().at(residual());
  const CopiedSpan span{copy.data(), residual_now, copy.bytes()};
  EXPECT_FALSE(waits([&] {
    copy_at_once({&span, 1}, stream_.get());
    launch_with_residual_at(copy.data());
  }));
  EXPECT_TRUE(waits([&] {
    copy_on_device(copy.data(), residual_now, copy.bytes(), stream_.get());
    launch_with_residual_at(copy.data());
  }));
}

TEST_F(PdlProbe, NotWhatPreparesItsScratchMemoryBeforeItWaits) {
  const DeviceBuffer kept(residual_bytes(), "a residual"),
      workspace(residual_bytes(), "a step's scratch memory");
  bench_->restore();
  copy_on_device(kept.data(), bench_->memory().at(residual()), kept.bytes(), stream_.get());
  const std::span<std::byte> scratch(workspace.data(), workspace.bytes());
  const CopiedSpan span{workspace.data(), kept.data(), kept.bytes()};
  EXPECT_FALSE(waits(
      [&] {
        copy_at_once({&span, 1}, stream_.get());
        launch_with_residual_at(workspace.data());
      },
      scratch));
  EXPECT_TRUE(waits(
      [&] {
        copy_on_device(workspace.data(), kept.data(), kept.bytes(), stream_.get());
        launch_with_residual_at(workspace.data());
      },
      scratch));
}

}  // namespace
}  // namespace peregrine::cuda
