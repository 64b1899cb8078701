#include "pipeline/gpu_reid.h"

#include <array>

#include "base/ledger.h"
#include "pipeline/build_engine.h"
#include "pipeline/model_engine.h"
#include "pipeline/service.h"

namespace peregrine::pipeline {

namespace {

/// A single person should not pay for sixteen, nor a crowd for rounds of one.
constexpr std::array capacities{1, 4, 16, 64};
/// Only this one is tuned; the others take its choices, so that ReID is ready as fast as one model.
constexpr int tuned_capacity = reid_batch;

}  // namespace

GpuReid::GpuReid(const Model& model, const provision::EngineChoice& choice, int most_persons)
    : crops_(sizeof(Crop) * static_cast<std::size_t>(most_persons), "person boxes"), count_(sizeof(int), "person count") {
  if (const int fixed = model.info().fixed_batch; fixed != 0) {
    add(std::make_unique<GpuEngine>(model, choice, input_shape(model.info(), {}, fixed)));
  } else {
    const Plan tuned = build_plan(model, choice, input_shape(model.info(), {}, tuned_capacity), false);
    for (const int capacity : capacities)
      add(std::make_unique<GpuEngine>(model, choice, input_shape(model.info(), {}, capacity), &tuned));
  }
  const auto length = static_cast<std::size_t>(this->model().embedding);
  embeddings_ = cuda::PinnedBuffer(sizeof(float) * length * static_cast<std::size_t>(most_persons), "embeddings");
}

void GpuReid::add(std::unique_ptr<GpuEngine> engine) {
  Sized sized;
  sized.engine = std::move(engine);
  sized.input = cuda::DeviceBuffer(sized.engine->input_bytes(), "persons cut out");
  const Binding& binding = sized.engine->input();
  sized.view = {sized.input.data(), binding.dtype, binding.device, binding.shape, binding.strides};
  engines_.push_back(std::move(sized));
}

void GpuReid::guard_bindings(PlacementGuard& guard) const {
  for (const Sized& sized : engines_) sized.engine->guard_bindings(guard, sized.view);
}

void GpuReid::guard_batch(PlacementGuard& guard) const {
  for (const Sized& sized : engines_) sized.engine->guard_batch(guard, sized.view);
}

const GpuReid::Sized& GpuReid::round_for(int persons) const {
  for (const Sized& sized : engines_)
    if (sized.engine->shape().batch >= persons) return sized;
  return engines_.back();
}

void GpuReid::enqueue(const preprocess::Picture* pictures, cudaStream_t stream) {
  const int persons = *count();
  for (int first = 0; first < persons;) {
    const Sized& round = round_for(persons - first);
    preprocess::reid_crop_batch(pictures, crops(), count(), first, round.view, stream);
    round.engine->enqueue(round.view, stream);
    postprocess::normalise_embeddings(round.engine->outputs().front().view, count(), first,
                                      reinterpret_cast<float*>(embeddings_.data()), stream);
    first += round.engine->shape().batch;
  }
  ledger::record("embeddings", ledger::Direction::device_to_host,
                 sizeof(float) * static_cast<std::uint64_t>(persons) * static_cast<std::uint64_t>(model().embedding));
}

std::vector<float> GpuReid::embedding(int person) const {
  const auto length = static_cast<std::size_t>(model().embedding);
  const float* row = reinterpret_cast<const float*>(embeddings_.data()) + length * static_cast<std::size_t>(person);
  return {row, row + length};
}

}  // namespace peregrine::pipeline
