#include "engine/cuda/autotune/step_bench.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/cuda/kernels/probe.h"

namespace peregrine::cuda {

namespace {

/// Of zeros before and behind each buffer: several rows of a tile.
constexpr std::size_t guard_bytes = std::size_t{64} << 10;
/// Of every byte: a NaN in FP16 and FP32.
constexpr int all_nan = 0xff;

}  // namespace

StepBench::StepBench(const ExecutionPlan& plan, const Step& step, std::byte* weights, cudaStream_t stream)
    : stream_(stream), difference_(1, "the tuner") {
  memory_.buffers.assign(plan.buffers.size() + 1, nullptr);
  const Accesses touched = accesses(step.operation);
  for (const auto& list : {touched.reads, touched.writes})
    for (const TensorRef* tensor : list) add(plan, *tensor, weights);
  fill_outputs_with_nan(plan, touched);
  for (Area& area : areas_) copy_on_device(area.initial.data(), area.live.data(), area.live.bytes(), stream_);
}

void StepBench::restore() const {
  for (const Area& area : areas_)
    copy_on_device(area.live.data(), area.initial.data(), area.live.bytes(), stream_);
}

void StepBench::keep_as_reference() const {
  for (const Area& area : areas_)
    copy_on_device(area.reference.data(), area.live.data(), area.live.bytes(), stream_);
}

bool StepBench::fits_one_kernel() const { return areas_.size() < most_spans; }

void StepBench::fill_with_nan(std::span<std::byte> workspace) const {
  for (const Area& area : areas_) fill(area.live.data(), all_nan, area.live.bytes(), stream_);
  if (!workspace.empty()) fill(workspace.data(), all_nan, workspace.size(), stream_);
}

void StepBench::restore_after_trigger(std::span<std::byte> workspace) const {
  std::vector<CopiedSpan> spans;
  for (const Area& area : areas_) spans.push_back({area.live.data(), area.initial.data(), area.live.bytes()});
  if (!workspace.empty()) spans.push_back({workspace.data(), nullptr, workspace.size()});
  copy_late(spans, stream_);
}

void StepBench::write_without_waiting() const {
  std::vector<CopiedSpan> spans;
  for (const Area& area : areas_)
    spans.push_back({area.live.data(), area.reference.data(), area.live.bytes()});
  copy_at_once(spans, stream_);
}

std::string StepBench::mismatch(double tolerance) const {
  for (const Area& area : areas_) {
    const auto elements = static_cast<std::int64_t>(area.live.bytes() / size_of(area.dtype));
    compare(area.live.data(), area.reference.data(), area.dtype, elements, difference_.data(), stream_);
    Difference difference;
    copy_to_host("difference", &difference, difference_.data(), sizeof difference, stream_);
    check(runtime().stream_synchronize(stream_), "cudaStreamSynchronize");
    if (difference.not_finite)
      return fmt::format("{} elements are not finite or not written", difference.not_finite);
    if (difference.largest > tolerance * std::max(difference.scale, 1e-3f))
      return fmt::format("differs by {:.3g} of {:.3g}", difference.largest, difference.scale);
  }
  return {};
}

void StepBench::add(const ExecutionPlan& plan, const TensorRef& tensor, std::byte* weights) {
  std::byte*& address = memory_.buffers[static_cast<std::size_t>(tensor.buffer)];
  const Buffer& buffer = plan.buffer(tensor.buffer);
  if (address) return;
  if (buffer.place == Buffer::Place::weights) {
    address = weights + buffer.offset;
    return;
  }
  const auto inside = static_cast<std::size_t>(buffer.bytes);
  const std::size_t bytes = inside + 2 * guard_bytes;
  Area& area = areas_.emplace_back(Area{tensor.dtype, DeviceBuffer(bytes, "a step's data while it is tuned"),
                                        DeviceBuffer(bytes, "a step's data while it is tuned"),
                                        DeviceBuffer(bytes, "a step's data while it is tuned")});
  address = area.live.data() + guard_bytes;
  fill(area.live.data(), 0, bytes,
       stream_);  // the guards: numbers there would count for the output's largest
  fill_random(address, area.dtype, static_cast<std::int64_t>(inside / size_of(area.dtype)),
              static_cast<std::uint32_t>(areas_.size()), stream_);
}

void StepBench::fill_outputs_with_nan(const ExecutionPlan& plan, const Accesses& touched) {
  DeviceBuffer nan(4, "a step's data while it is tuned");
  fill(nan.data(), all_nan, nan.bytes(), stream_);
  memory_.buffers.back() = nan.data();
  for (const TensorRef* written : touched.writes) {
    const bool also_read = std::any_of(touched.reads.begin(), touched.reads.end(),
                                       [&](const TensorRef* r) { return *r == *written; });
    if (also_read) continue;
    Copy copy{.x = *written, .y = *written};
    copy.x.buffer = static_cast<BufferId>(plan.buffers.size());
    copy.x.offset = 0;
    for (std::size_t axis = 0; axis < copy.x.strides.rank(); ++axis) copy.x.strides[axis] = 0;
    const Step step{.name = "poison",
                    .nodes = {},
                    .operation = copy,
                    .stream_index = 0,
                    .dependencies = {},
                    .tactic = {}};
    Tactic tactic;
    instantiate_tactic(step, tactic, {})(memory_, nullptr, stream_);
  }
  check(runtime().stream_synchronize(stream_), "cudaStreamSynchronize");  // before `nan` is freed
  memory_.buffers.back() = nullptr;
}

}  // namespace peregrine::cuda
