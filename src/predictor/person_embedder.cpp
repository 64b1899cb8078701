#include "predictor/person_embedder.h"

#include <algorithm>

#include "engine_cache/engine_cache.h"
#include "predictor/models/deployed_models.h"
#include "predictor/models/model_engine.h"
#include "stages/postprocess/postprocess.h"
#include "stages/preprocess/preprocess.h"
#if PEREGRINE_CUDA
#include "predictor/gpu/gpu_person_embedder.h"
#endif

namespace peregrine::predictor {

namespace {

class CpuPersonEmbedder final : public PersonEmbedder {
 public:
  CpuPersonEmbedder(const Model& model, const engine_cache::EngineContext& context)
      : engine_(model, context,
                input_shape(model.info(), {},
                            model.info().fixed_batch != 0 ? model.info().fixed_batch : reid_batch),
                model.info().dynamic_shape) {}

  Precision precision() const override { return engine_.precision(); }

  std::vector<std::vector<float>> run(std::span<const ImageView> persons) override {
    std::vector<std::vector<float>> embeddings;
    const auto most = static_cast<std::size_t>(engine_.shape().batch);
    for (std::size_t begin = 0; begin < persons.size(); begin += most) {
      const auto some = persons.subspan(begin, std::min(most, persons.size() - begin));
      const auto slots = static_cast<std::int64_t>(engine_.dynamic() ? some.size() : most);
      HostTensor input =
          HostTensor::zeros(DType::f32, {slots, 3, engine_.shape().height, engine_.shape().width});
      for (std::size_t i = 0; i < some.size(); ++i) {
        const std::array<float, 4> whole{0, 0, static_cast<float>(some[i].width),
                                         static_cast<float>(some[i].height)};
        preprocess::reid_crop_into(some[i], whole, input.view(), static_cast<int>(i));
      }
      const TensorView features = engine_.run(input.view()).front().view;
      const auto length = static_cast<std::size_t>(features.shape[1]);
      for (std::size_t i = 0; i < some.size(); ++i) {
        const float* row = features.as<float>() + i * length;
        embeddings.emplace_back(row, row + length);
        postprocess::normalise_embedding(embeddings.back());
      }
    }
    return embeddings;
  }

 private:
  ModelEngine engine_;
};

}  // namespace

std::unique_ptr<PersonEmbedder> make_person_embedder(const Model& model,
                                                     const engine_cache::EngineContext& context,
                                                     const Settings& settings, int most_persons) {
  store::Store store(context.store);
  const auto kept =
      engine_cache::get_or_build(store, model, context, deployment_request(model.info(), context, settings));
  const Model engine = engine_cache::open_model(store.root() / "engines" / kept.manifest.id);
#if PEREGRINE_CUDA
  if (context.device.on_gpu()) return make_gpu_person_embedder(engine, context, settings, most_persons);
#endif
  (void)most_persons;
  return std::make_unique<CpuPersonEmbedder>(engine, context);
}

}  // namespace peregrine::predictor
