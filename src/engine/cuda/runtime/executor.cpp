#include "engine/cuda/runtime/executor.h"

#include <algorithm>

#include "core/trace.h"

namespace peregrine::cuda {

namespace {

bool supports_pdl(const DeviceFacts& device) { return device.major >= 9; }

}  // namespace

bool uses_pdl(const ExecutionPlan& plan, const DeviceFacts& device) {
  const auto has_one = [](const PlanBinding& binding) { return binding.tensor.shape[0] == 1; };
  return supports_pdl(device) && std::ranges::all_of(plan.bindings, has_one);
}

Executor::Executor(ExecutionPlan plan, const Target& target, const ExecutorOptions& options)
    : plan_(std::move(plan)) {
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

  const auto streams = static_cast<std::size_t>(plan_.streams);
  std::vector<std::int64_t> workspace(streams, 0);
  has_dependents_.assign(plan_.steps.size(), false);
  pdl_.secondary.assign(plan_.steps.size(), false), pdl_.trigger.assign(plan_.steps.size(), false);
  for (Step& step : plan_.steps) {
    launches_.push_back(instantiate_tactic(step, step.tactic, target));
    std::int64_t& needed = workspace[static_cast<std::size_t>(step.stream_index)];
    needed = std::max(needed, step.tactic.workspace_bytes);
    for (const std::int32_t earlier : step.dependencies)
      has_dependents_[static_cast<std::size_t>(earlier)] = true;
  }
  if (options.dependent_launch.value_or(uses_pdl(plan_, target.device)) && supports_pdl(target.device)) {
    std::vector<PdlMode> kinds;
    for (const Step& step : plan_.steps) kinds.push_back(pdl_mode_of(step.tactic));
    pdl_ = pdl_schedule(plan_, kinds);
  }
  for (std::size_t i = 0; i < plan_.steps.size(); ++i)
    step_done_.push_back(has_dependents_[i] ? Event::create() : Event());
  for (std::size_t stream_index = 0; stream_index < streams; ++stream_index) {
    workspaces_.emplace_back(static_cast<std::size_t>(workspace[stream_index]),
                             "the scratch memory of a step", options.pool);
    if (stream_index == 0) continue;
    streams_.push_back(Stream::create());
    stream_done_.push_back(Event::create());
  }
  started_ = Event::create();
  upload.synchronize();
  plan_.weights = {};
}

cudaStream_t Executor::stream_of(std::int32_t stream_index, cudaStream_t main) const {
  return stream_index == 0 ? main : streams_[static_cast<std::size_t>(stream_index - 1)].get();
}

void Executor::enqueue(std::span<void* const> pointers, cudaStream_t stream) {
  for (std::size_t i = 0; i < plan_.buffers.size(); ++i)
    if (plan_.buffers[i].place == Buffer::Place::binding)
      memory_.buffers[i] =
          static_cast<std::byte*>(pointers[static_cast<std::size_t>(plan_.buffers[i].binding)]);

  if (!streams_.empty()) started_.record(stream);
  for (const Stream& stream_index : streams_) wait(stream_index.get(), started_);
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
    const Step& step = plan_.steps[i];
    const trace::Range range(step.name);
    const cudaStream_t stream_index = stream_of(step.stream_index, stream);
    for (const std::int32_t earlier : step.dependencies)
      wait(stream_index, step_done_[static_cast<std::size_t>(earlier)]);
    launches_[i](memory_, workspaces_[static_cast<std::size_t>(step.stream_index)].data(),
                 LaunchContext(stream_index, pdl_.secondary[i], pdl_.trigger[i]));
    if (has_dependents_[i]) step_done_[i].record(stream_index);
  }
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    stream_done_[i].record(streams_[i].get());
    wait(stream, stream_done_[i]);
  }
}

void Executor::enqueue_step(std::size_t step, cudaStream_t stream) {
  launches_[step](memory_, workspaces_[static_cast<std::size_t>(plan_.steps[step].stream_index)].data(),
                  stream);
}

std::size_t Executor::pdl_steps() const noexcept {
  return static_cast<std::size_t>(std::ranges::count(pdl_.secondary, true));
}

std::size_t Executor::device_bytes() const noexcept {
  std::size_t bytes = arena_.bytes() + weights_.bytes();
  for (const DeviceBuffer& workspace : workspaces_) bytes += workspace.bytes();
  return bytes;
}

}  // namespace peregrine::cuda
