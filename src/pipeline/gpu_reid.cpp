#include "pipeline/gpu_reid.h"

#include <array>

#include "base/ledger.h"
#include "pipeline/model_engine.h"

namespace peregrine::pipeline {

namespace {

/// A single person should not pay for sixteen, nor a crowd for rounds of one.
constexpr std::array capacities{4, 16};

}  // namespace

GpuReid::GpuReid(const Model& model, const provision::EngineChoice& choice, int most_persons)
    : crops_(sizeof(Crop) * static_cast<std::size_t>(most_persons), "person boxes"), count_(sizeof(int), "person count") {
  for (const int capacity : capacities) {
    if (!model.info().dynamic_shape && capacity != capacities.front()) break;
    const int batch = model.info().fixed_batch ? model.info().fixed_batch : capacity;
    Sized sized;
    sized.engine = std::make_unique<GpuEngine>(model, choice, input_shape(model.info(), {}, batch));
    sized.input = cuda::DeviceBuffer(sized.engine->input_bytes(), "persons cut out");
    const Binding& binding = sized.engine->input();
    sized.view = {sized.input.data(), binding.dtype, binding.device, binding.shape, binding.strides};
    engines_.push_back(std::move(sized));
  }
  const auto length = static_cast<std::size_t>(this->model().embedding);
  embeddings_ = cuda::PinnedBuffer(sizeof(float) * length * static_cast<std::size_t>(most_persons), "embeddings");
}

void GpuReid::guard_bindings(PlacementGuard& guard) const {
  for (const Sized& sized : engines_) sized.engine->guard_bindings(guard, sized.view);
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
