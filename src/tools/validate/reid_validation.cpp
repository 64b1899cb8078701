#include "tools/validate/reid_validation.h"

#include <fmt/format.h>

#include "engine/host_run.h"
#include "peregrine/error.h"
#include "predictor/models/build_engine.h"
#include "predictor/models/model_engine.h"
#include "stages/decode/decode.h"
#include "stages/postprocess/postprocess.h"
#include "stages/preprocess/preprocess.h"
#include "stages/source/source.h"

namespace peregrine::validate {

namespace {

std::string identity_of(const source::Item& item) {
  const std::string stem = item.path.stem().string();
  const auto end = stem.rfind('_');
  if (end == std::string::npos || end == 0)
    throw Error("validation.dataset", fmt::format("{} names no person.", item.display),
                "Images in query/ and gallery/ are named IDENTITY_NUMBER.");
  return stem.substr(0, end);
}

/// Embeds whole images, one at a time.
class Embedder {
 public:
  Embedder(const Model& model, const engine_cache::EngineContext& context)
      : shape_(predictor::input_shape(model.info(), {}, 1)),
        engine_(predictor::build_engine(model, context, shape_, false)),
        input_(DType::f32, {1, 3, shape_.height, shape_.width}) {}

  Embedded operator()(const source::Item& item) {
    const HostImage image = decode::decode_image(source::read_file(item), item.display);
    const std::array<float, 4> whole{0, 0, static_cast<float>(image.width), static_cast<float>(image.height)};
    preprocess::reid_crop_into(image.view(), whole, input_.view(), 0);
    const TensorView input = input_.view();
    const HostTensor features = std::move(run_on_host(*engine_, {&input, 1}).front());
    const float* values = features.as<float>();
    Embedded embedded{identity_of(item), {values, values + features.shape().elements()}};
    postprocess::normalise_embedding(embedded.embedding);
    return embedded;
  }

 private:
  InputShape shape_;
  std::unique_ptr<Engine> engine_;
  HostTensor input_;
};

}  // namespace

RetrievalSummary validate_reid(const Model& model, const engine_cache::EngineContext& context,
                               const std::filesystem::path& data, const ValidationProgress& progress) {
  const auto images_of = [&](const char* folder) {
    source::Expansion images = source::expand({(data / folder).string()}, source::Take::image_files);
    source::log_left_out(images.left_out);
    return std::move(images.items);
  };
  const auto queries = images_of("query"), gallery = images_of("gallery");
  Embedder embed(model, context);
  std::size_t done = 0;
  const auto embed_all = [&](const std::vector<source::Item>& items) {
    std::vector<Embedded> embedded;
    for (const source::Item& item : items) {
      embedded.push_back(embed(item));
      if (!progress(++done, queries.size() + gallery.size(), item.display))
        throw Error("interrupted", "Interrupted; nothing was scored.");
    }
    return embedded;
  };
  const auto embedded_queries = embed_all(queries);
  return evaluate_retrieval(embedded_queries, embed_all(gallery));
}

}  // namespace peregrine::validate
