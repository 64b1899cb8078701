// Runs ReID alone, from persons in host memory to embeddings in host memory, as a pipeline does with those
// that a detector found.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine_cache/engine_context.h"
#include "formats/model.h"
#include "peregrine/image.h"

namespace peregrine::predictor {

class PersonEmbedder {
 public:
  virtual ~PersonEmbedder() = default;
  virtual Precision precision() const = 0;
  /// One embedding an image, each of which is wholly one person; as many images as make_person_embedder() was
  /// told, at most.
  virtual std::vector<std::vector<float>> run(std::span<const ImageView> persons) = 0;
};

/// The engine of `model` (deployment_request()) out of the choice's store, where it is built, verified and
/// kept the first time.
std::unique_ptr<PersonEmbedder> make_person_embedder(const Model& model,
                                                     const engine_cache::EngineContext& context,
                                                     const Settings& settings, int most_persons);

}  // namespace peregrine::predictor
