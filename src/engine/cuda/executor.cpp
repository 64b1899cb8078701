#include "engine/cuda/executor.h"

#include <algorithm>

#include "base/trace.h"

namespace peregrine::cuda {

namespace {

bool can_start_early(const DeviceFacts& device) { return device.major >= 9; }

}  // namespace

bool starts_early(const ExecutionPlan& plan, const DeviceFacts& device) {
  const auto has_one = [](const PlanBinding& binding) { return binding.tensor.shape[0] == 1; };
  return can_start_early(device) && std::ranges::all_of(plan.bindings, has_one);
}

Executor::Executor(ExecutionPlan plan, const Target& target, const ExecutorOptions& options) : plan_(std::move(plan)) {
  weights_ = DeviceBuffer(plan_.weights.size(), "the weights", options.pool);
  arena_ = DeviceBuffer(static_cast<std::size_t>(plan_.arena_bytes), "the activations", options.pool);
  const Stream upload = Stream::create();
  if (!plan_.weights.empty())
    copy_to_device("weights", weights_.data(), plan_.weights.data(), plan_.weights.size(), upload.get());

  for (const Buffer& buffer : plan_.buffers) {
    std::byte* base = buffer.place == Buffer::Place::arena     ? arena_.data() + buffer.offset
                      : buffer.place == Buffer::Place::weights ? weights_.data() + buffer.offset
                                                               : nullptr;
    memory_.buffers.push_back(base);
  }

  const auto lanes = static_cast<std::size_t>(plan_.lanes);
  std::vector<std::int64_t> workspace(lanes, 0);
  has_waiters_.assign(plan_.steps.size(), false);
  early_.starts.assign(plan_.steps.size(), false), early_.is_followed.assign(plan_.steps.size(), false);
  for (Step& step : plan_.steps) {
    launches_.push_back(prepare(step, step.choice, target));
    std::int64_t& needed = workspace[static_cast<std::size_t>(step.lane)];
    needed = std::max(needed, step.choice.workspace_bytes);
    for (const std::int32_t earlier : step.waits) has_waiters_[static_cast<std::size_t>(earlier)] = true;
  }
  if (options.dependent_launch.value_or(starts_early(plan_, target.device)) && can_start_early(target.device)) {
    std::vector<Start> kinds;
    for (const Step& step : plan_.steps) kinds.push_back(start_of(step.choice));
    early_ = early_starts(plan_, kinds);
  }
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) step_done_.push_back(has_waiters_[i] ? Event::create() : Event());
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    workspaces_.emplace_back(static_cast<std::size_t>(workspace[lane]), "the scratch memory of a step", options.pool);
    if (lane == 0) continue;
    streams_.push_back(Stream::create());
    lane_done_.push_back(Event::create());
  }
  started_ = Event::create();
  upload.synchronize();
  plan_.weights = {};
}

cudaStream_t Executor::stream_of(std::int32_t lane, cudaStream_t main) const {
  return lane == 0 ? main : streams_[static_cast<std::size_t>(lane - 1)].get();
}

void Executor::enqueue(std::span<void* const> pointers, cudaStream_t stream) {
  for (std::size_t i = 0; i < plan_.buffers.size(); ++i)
    if (plan_.buffers[i].place == Buffer::Place::binding)
      memory_.buffers[i] = static_cast<std::byte*>(pointers[static_cast<std::size_t>(plan_.buffers[i].binding)]);

  if (!streams_.empty()) started_.record(stream);
  for (const Stream& lane : streams_) wait(lane.get(), started_);
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
    const Step& step = plan_.steps[i];
    const trace::Range range(step.name);
    const cudaStream_t lane = stream_of(step.lane, stream);
    for (const std::int32_t earlier : step.waits) wait(lane, step_done_[static_cast<std::size_t>(earlier)]);
    launches_[i](memory_, workspaces_[static_cast<std::size_t>(step.lane)].data(),
                 Queue(lane, early_.starts[i], early_.is_followed[i]));
    if (has_waiters_[i]) step_done_[i].record(lane);
  }
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    lane_done_[i].record(streams_[i].get());
    wait(stream, lane_done_[i]);
  }
}

void Executor::enqueue_step(std::size_t step, cudaStream_t stream) {
  launches_[step](memory_, workspaces_[static_cast<std::size_t>(plan_.steps[step].lane)].data(), stream);
}

std::size_t Executor::early_steps() const noexcept { return static_cast<std::size_t>(std::ranges::count(early_.starts, true)); }

std::size_t Executor::device_bytes() const noexcept {
  std::size_t bytes = arena_.bytes() + weights_.bytes();
  for (const DeviceBuffer& workspace : workspaces_) bytes += workspace.bytes();
  return bytes;
}

}  // namespace peregrine::cuda
