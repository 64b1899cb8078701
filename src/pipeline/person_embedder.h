// ReID alone: persons in host memory to embeddings in host memory, the way a pipeline does it with those that a detector found.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "model/model.h"
#include "peregrine/image.h"
#include "provision/engine_choice.h"

namespace peregrine::pipeline {

class PersonEmbedder {
 public:
  virtual ~PersonEmbedder() = default;
  virtual Precision precision() const = 0;
  /// One embedding a picture, each of which is wholly one person; as many pictures as make_person_embedder() was told, at most.
  virtual std::vector<std::vector<float>> run(std::span<const ImageView> persons) = 0;
};

/// The engine of `model` (service_request()) out of the choice's store, where it is built, verified and kept the first time.
std::unique_ptr<PersonEmbedder> make_person_embedder(const Model& model, const provision::EngineChoice& choice,
                                                     const Settings& settings, int most_persons);

}  // namespace peregrine::pipeline
