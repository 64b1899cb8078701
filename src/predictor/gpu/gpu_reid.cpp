#include "predictor/gpu/gpu_reid.h"

#include <algorithm>
#include <array>

#include "cuda/conditional.h"
#include "gpu_policy/transfer_log.h"
#include "predictor/models/build_engine.h"
#include "predictor/models/deployed_models.h"
#include "predictor/models/model_engine.h"
#include "stages/postprocess/cuda/crop_batches.h"

namespace peregrine::predictor {

namespace {

/// A single person should not pay for sixteen, nor a crowd for crop batches of one.
constexpr std::array buckets{reid_batches.min, 4, reid_batches.opt, reid_batches.max};
/// Only this one is tuned; the others take its choices, so that ReID is ready as fast as one model.
constexpr int tuned_capacity = reid_batch;

/// Of its input.
int batch_of(const Engine& engine) {
  return static_cast<int>(std::ranges::find_if(engine.io(), &Binding::is_input)->shape[0]);
}

static_assert(buckets.size() <= postprocess::BatchBuckets::most);

}  // namespace

GpuReid::GpuReid(const Model& model, const engine_cache::EngineContext& context, int most_persons)
    : crops_(static_cast<std::size_t>(most_persons), "person boxes"),
      crop_batches_(1, "ReID crop batches"),
      persons_(1, "person count") {
  if (const int fixed = model.info().fixed_batch; fixed != 0) {
    add(std::make_unique<GpuEngine>(model, context, input_shape(model.info(), {}, fixed)));
  } else if (context.builder->has_open_batch()) {
    add_open_batch(model, context);
  } else {
    add_each_batch(model, context);
  }
  const auto length = static_cast<std::size_t>(this->model().embedding);
  embeddings_ = cuda::PinnedArray<float>(length * static_cast<std::size_t>(most_persons), "embeddings");
}

void GpuReid::add_each_batch(const Model& model, const engine_cache::EngineContext& context) {
  const Plan tuned = build_plan(model, context, input_shape(model.info(), {}, tuned_capacity), false);
  for (const int capacity : buckets)
    add(std::make_unique<GpuEngine>(model, context, input_shape(model.info(), {}, capacity), &tuned));
}

void GpuReid::add_open_batch(const Model& model, const engine_cache::EngineContext& context) {
  const Plan plan = build_plan(model, context, open_reid_request(model.info()));
  const auto add_batch = [&](std::unique_ptr<Engine> engine) {
    add(std::make_unique<GpuEngine>(model, context, input_shape(model.info(), {}, batch_of(*engine)),
                                    std::move(engine)));
  };
  for (const int capacity : buckets) {
    auto engine = context.builder->load(plan, context.device, context.pool);
    if (capacity > batch_of(*engine)) break;
    engine->prefer_batch(capacity);
    if (batch_of(*engine) == capacity) add_batch(std::move(engine));
  }
  if (engines_.empty()) add_batch(context.builder->load(plan, context.device, context.pool));
}

void GpuReid::add(std::unique_ptr<GpuEngine> engine) {
  Sized sized;
  sized.engine = std::move(engine);
  sized.input = cuda::DeviceBuffer(sized.engine->input_bytes(), "persons cut out");
  const Binding& binding = sized.engine->input();
  sized.view = {sized.input.data(), binding.dtype, binding.device, binding.shape, binding.strides};
  buckets_.slots[buckets_.count++] = sized.engine->shape().batch;
  engines_.push_back(std::move(sized));
}

void GpuReid::check_bindings(GpuPolicy& policy) const {
  for (const Sized& sized : engines_) sized.engine->check_bindings(policy, sized.view);
}

void GpuReid::check_batch(GpuPolicy& policy) const {
  for (const Sized& sized : engines_) sized.engine->check_batch(policy, sized.view);
}

bool GpuReid::capturable(cudaStream_t stream) const {
  return std::ranges::all_of(engines_, [&](const Sized& sized) { return sized.engine->capturable(stream); });
}

void GpuReid::enqueue_crop_batch(std::size_t capacity, const preprocess::InputImage* images,
                                 cudaStream_t stream) {
  const Sized& sized = engines_[capacity];
  preprocess::reid_crop_batch(images, crops(), count(), &crop_batches()->first, sized.view, stream);
  sized.engine->enqueue(sized.view, stream);
  postprocess::normalise_embeddings(sized.engine->outputs().front().view, count(), &crop_batches()->first,
                                    embeddings_.data(), stream);
}

void GpuReid::capture(const preprocess::InputImage* images, cudaStream_t stream) {
  const auto more = cuda::Condition::of_capture(stream);
  postprocess::begin_crop_batches(crop_batches(), persons_.data(), more, stream);
  cuda::enqueue_while(stream, more, crop_batch_stream_, [&](cudaStream_t round) {
    const auto chosen = cuda::Condition::of_capture(round);
    postprocess::choose_crop_batch(crop_batches(), buckets_, chosen, round);
    cuda::enqueue_switch(
        round, chosen, bucket_stream_, static_cast<unsigned>(engines_.size()),
        [&](unsigned capacity, cudaStream_t body) { enqueue_crop_batch(capacity, images, body); });
    postprocess::end_crop_batch(crop_batches(), more, round);
  });
}

void GpuReid::run_crop_batches(const preprocess::InputImage* images, cudaStream_t stream) {
  postprocess::begin_crop_batches(crop_batches(), persons_.data(), {}, stream);
  cuda::check(cuda::runtime().stream_synchronize(stream), "cudaStreamSynchronize");
  postprocess::CropBatches here{.persons = persons()};
  while (here.more()) {
    const int capacity = here.choose(buckets_);
    postprocess::choose_crop_batch(crop_batches(), buckets_, {}, stream);
    enqueue_crop_batch(static_cast<std::size_t>(capacity), images, stream);
    postprocess::end_crop_batch(crop_batches(), {}, stream);
    here.end();
  }
}

void GpuReid::record_transfers() const {
  const auto bytes =
      sizeof(float) * static_cast<std::uint64_t>(persons()) * static_cast<std::uint64_t>(model().embedding);
  transfer_log::record("person count", transfer_log::Direction::device_to_host, sizeof(int));
  transfer_log::record("embeddings", transfer_log::Direction::device_to_host, bytes);
}

std::vector<float> GpuReid::embedding(int person) const {
  const auto length = static_cast<std::size_t>(model().embedding);
  const float* row = embeddings_.data() + length * static_cast<std::size_t>(person);
  return {row, row + length};
}

}  // namespace peregrine::predictor
