#include "pipeline/person_embedder.h"

#include <algorithm>

#include "pipeline/model_engine.h"
#include "pipeline/service.h"
#include "postprocess/postprocess.h"
#include "preprocess/preprocess.h"
#include "provision/provision.h"
#if PEREGRINE_CUDA
#include "pipeline/gpu_person_embedder.h"
#endif

namespace peregrine::pipeline {

namespace {

class CpuPersonEmbedder final : public PersonEmbedder {
 public:
  CpuPersonEmbedder(const Model& model, const provision::EngineChoice& choice)
      : engine_(model, choice,
                input_shape(model.info(), {}, model.info().fixed_batch != 0 ? model.info().fixed_batch : reid_batch),
                model.info().dynamic_shape) {}

  Precision precision() const override { return engine_.precision(); }

  std::vector<std::vector<float>> run(std::span<const ImageView> persons) override {
    std::vector<std::vector<float>> embeddings;
    const auto most = static_cast<std::size_t>(engine_.shape().batch);
    for (std::size_t begin = 0; begin < persons.size(); begin += most) {
      const auto some = persons.subspan(begin, std::min(most, persons.size() - begin));
      const auto slots = static_cast<std::int64_t>(engine_.dynamic() ? some.size() : most);
      HostTensor input = HostTensor::zeros(DType::f32, {slots, 3, engine_.shape().height, engine_.shape().width});
      for (std::size_t i = 0; i < some.size(); ++i) {
        const std::array<float, 4> whole{0, 0, static_cast<float>(some[i].width), static_cast<float>(some[i].height)};
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

std::unique_ptr<PersonEmbedder> make_person_embedder(const Model& model, const provision::EngineChoice& choice,
                                                     const Settings& settings, int most_persons) {
  store::Store store(choice.store);
  const auto kept = provision::obtain(store, model, choice, service_request(model.info(), choice, settings));
  const Model engine = provision::open_model(store.root() / "engines" / kept.manifest.id);
#if PEREGRINE_CUDA
  if (choice.device.on_gpu()) return make_gpu_person_embedder(engine, choice, settings, most_persons);
#endif
  (void)most_persons;
  return std::make_unique<CpuPersonEmbedder>(engine, choice);
}

}  // namespace peregrine::pipeline
