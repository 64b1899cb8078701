#include "device_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "core/half.h"
#include "cuda/device.h"
#include "cuda/memory.h"
#include "engine/cuda/libraries/cublas_lt.h"
#include "engine/cuda/libraries/cudnn.h"
#include "engine/cuda/runtime/executor.h"
#include "engine/reference/plan_executor.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

namespace {

/// A library for the device, as long as the program lives: cuDNN takes a second to start. Null where it is
/// missing.
template <class Library>
Library* loaded() {
  static Library* const library = [] {
    try {
      return new Library();
    } catch (const Error&) {
      return static_cast<Library*>(nullptr);
    }
  }();
  return library;
}

HostTensor random_values(const Shape& shape, unsigned seed) {
  HostTensor tensor(DType::f32, shape);
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> values(-2, 2);
  for (std::int64_t i = 0; i < shape.elements(); ++i) tensor.as<float>()[i] = values(random);
  return tensor;
}

/// Writes a dense FP32 tensor into the bytes of a binding.
template <class F>
void for_each(const TensorRef& tensor, F&& visit, std::size_t axis = 0, std::int64_t offset = 0) {
  if (axis == tensor.shape.rank()) return visit(offset);
  for (std::int64_t i = 0; i < tensor.shape[axis]; ++i)
    for_each(tensor, visit, axis + 1, offset + i * tensor.strides[axis]);
}

void write(std::vector<std::byte>& bytes, const TensorRef& tensor, const HostTensor& values) {
  const float* from = values.as<float>();
  for_each(tensor, [&](std::int64_t at) {
    if (tensor.dtype == DType::f32)
      reinterpret_cast<float*>(bytes.data())[tensor.offset + at] = *from++;
    else
      reinterpret_cast<Half*>(bytes.data())[tensor.offset + at] = to_half(*from++);
  });
}

constexpr std::byte untouched{0xff};

/// Runs the plan once; returns the bytes of all bindings afterwards.
std::vector<std::vector<std::byte>> run_on_device(const ExecutionPlan& plan,
                                                  const std::vector<HostTensor>& inputs,
                                                  const Target& target) {
  Executor executor(plan, target);
  const Stream stream = Stream::create();
  std::vector<std::vector<std::byte>> host;
  std::vector<DeviceBuffer> device;
  std::vector<void*> pointers;
  for (std::size_t i = 0; i < plan.bindings.size(); ++i) {
    const PlanBinding& binding = plan.bindings[i];
    host.emplace_back(static_cast<std::size_t>(plan.buffer(binding.tensor.buffer).bytes),
                      binding.is_input ? std::byte{0} : untouched);
    if (binding.is_input) write(host.back(), binding.tensor, inputs[i]);
    device.emplace_back(host.back().size(), "a test");
    copy_to_device("test", device.back().data(), host.back().data(), host.back().size(), stream.get());
    pointers.push_back(device.back().data());
  }
  executor.enqueue(pointers, stream.get());
  for (std::size_t i = 0; i < host.size(); ++i)
    copy_to_host("test", host[i].data(), device[i].data(), host[i].size(), stream.get());
  stream.synchronize();
  return host;
}

void expect_result(const TensorRef& tensor, std::vector<std::byte> bytes, const HostTensor& expected,
                   double tolerance) {
  double scale = 1e-3, worst = 0;
  for (std::int64_t i = 0; i < expected.shape().elements(); ++i)
    scale = std::max(scale, double{std::abs(expected.as<float>()[i])});
  const float* wanted = expected.as<float>();
  std::int64_t not_finite = 0;
  const std::size_t size = size_of(tensor.dtype);
  for_each(tensor, [&](std::int64_t at) {
    std::byte* element = bytes.data() + static_cast<std::size_t>(tensor.offset + at) * size;
    const double value = tensor.dtype == DType::f32 ? *reinterpret_cast<float*>(element)
                                                    : to_float(*reinterpret_cast<Half*>(element));
    if (!std::isfinite(value))
      ++not_finite;
    else
      worst = std::max(worst, std::abs(value - *wanted));
    ++wanted;
    std::fill_n(element, size, untouched);
  });
  EXPECT_EQ(not_finite, 0) << "elements not finite or never written";
  EXPECT_LE(worst, tolerance * scale) << "largest value " << scale;
  EXPECT_TRUE(std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == untouched; }))
      << "wrote beside its output";
}

constexpr int most_of_cudnn = 6;

/// The one family whose kernels are to run, for sanitizers, under which the others take minutes a case; null:
/// all.
const char* wanted_provider() { return std::getenv("PEREGRINE_TEST_FAMILY"); }

/// Random inputs for a plan, given to `reference` too, which then runs.
std::vector<HostTensor> run_reference(const ExecutionPlan& plan, reference::PlanExecutor& reference) {
  std::vector<HostTensor> inputs;
  for (std::size_t i = 0; i < plan.bindings.size(); ++i) {
    inputs.push_back(random_values(plan.bindings[i].tensor.shape, static_cast<unsigned>(i)));
    if (plan.bindings[i].is_input) reference.set_input(plan.bindings[i].name, inputs.back());
  }
  reference.run();
  return inputs;
}

void expect_outputs(const ExecutionPlan& plan, const std::vector<std::vector<std::byte>>& result,
                    const reference::PlanExecutor& reference, double tolerance) {
  for (std::size_t i = 0; i < plan.bindings.size(); ++i)
    if (!plan.bindings[i].is_input)
      expect_result(plan.bindings[i].tensor, result[i], reference.output(plan.bindings[i].name), tolerance);
}

/// Candidates that can be instantiated. cuDNN proposes engines that it then refuses to build: that is no
/// failure, one that computes something else is. Of its dozens of engines a few will do here; the tuner
/// checks each that it keeps.
std::vector<Tactic> ready_candidates(const Step& step, const Target& target) {
  std::vector<Tactic> ready;
  int of_cudnn = 0;
  for (Tactic tactic : tactics_for(step, target)) {
    if (wanted_provider() && tactic.provider != wanted_provider()) continue;
    if (tactic.provider == "cudnn" && ++of_cudnn > most_of_cudnn) continue;
    try {
      instantiate_tactic(step, tactic, target);
      ready.push_back(std::move(tactic));
    } catch (const Error& error) {
      if (error.code() != "engine.kernel" || tactic.provider != "cudnn") ADD_FAILURE() << error.what();
    }
  }
  EXPECT_TRUE(wanted_provider() || !ready.empty()) << step.name;
  return ready;
}

}  // namespace

Target first_device() { return {device_facts(0), loaded<Cudnn>(), loaded<CublasLt>()}; }

void expect_every_candidate_right(const ExecutionPlan& plan, const Target& target, double tolerance) {
  reference::PlanExecutor reference(plan);
  const std::vector<HostTensor> inputs = run_reference(plan, reference);
  std::vector<std::vector<Tactic>> tactics;
  std::size_t rounds = 0;
  std::map<std::string, std::vector<Tactic>> by_signature;  // cuDNN takes its time to make candidates ready
  for (const Step& step : plan.steps) {
    const auto [found, is_new] = by_signature.try_emplace(signature(step));
    if (is_new) found->second = ready_candidates(step, target);
    tactics.push_back(found->second);
    if (tactics.back().empty()) GTEST_SKIP() << "skipped: " << step.name << " has no kernel to run";
    rounds = std::max(rounds, tactics.back().size());
  }
  ExecutionPlan chosen = plan;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::string names;
    for (std::size_t i = 0; i < tactics.size(); ++i) {
      chosen.steps[i].tactic = tactics[i][round % tactics[i].size()];
      names +=
          " " + chosen.steps[i].tactic.provider + testing::PrintToString(chosen.steps[i].tactic.parameters);
    }
    SCOPED_TRACE(names);
    try {
      expect_outputs(plan, run_on_device(chosen, inputs, target), reference, tolerance);
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

BoundMemory::BoundMemory(const ExecutionPlan& plan, cudaStream_t stream) : plan_(plan), stream_(stream) {
  for (const PlanBinding& binding : plan.bindings) {
    device_.emplace_back(static_cast<std::size_t>(plan.buffer(binding.tensor.buffer).bytes), "a test");
    pointers.push_back(device_.back().data());
  }
  give(0);
}

void BoundMemory::give(unsigned seed) {
  std::mt19937 random(3 + seed);
  std::uniform_real_distribution<float> values(0, 1);
  for (const DeviceBuffer& buffer : device_) {
    std::vector<Half> host(buffer.bytes() / sizeof(Half));
    const float moved = seed == 0 ? 0 : 1 - 2 * values(random);
    for (Half& value : host) value = to_half(moved + values(random));
    copy_to_device("test", buffer.data(), host.data(), buffer.bytes(), stream_);
    check(runtime().stream_synchronize(stream_), "cudaStreamSynchronize");
  }
}

Outputs BoundMemory::take() {
  Outputs outputs;
  for (std::size_t i = 0; i < device_.size(); ++i) {
    if (plan_.bindings[i].is_input) continue;
    std::vector<std::byte>& host = outputs.emplace_back(device_[i].bytes());
    copy_to_host("test", host.data(), device_[i].data(), host.size(), stream_);
    fill(device_[i].data(), 0xff, host.size(), stream_);
    check(runtime().stream_synchronize(stream_), "cudaStreamSynchronize");
  }
  return outputs;
}

}  // namespace peregrine::cuda
