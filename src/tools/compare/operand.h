// An operand of the comparison: a model, the engine that runs it, and its results.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "engine_cache/engine_context.h"
#include "formats/model.h"
#include "peregrine/results.h"

namespace peregrine::compare {

/// Tensors of one run, by name.
struct Tensors {
  std::vector<std::string> names;
  std::vector<HostTensor> values;
  const HostTensor* find(const std::string& name) const;
};

class Operand {
 public:
  /// `told`: what the user says the model is.
  Operand(const Settings& settings, const std::string& text, const std::optional<TaskHint>& told,
          engine_cache::EngineProgress progress);

  std::string title() const;
  const ModelInfo& model() const { return model_->info(); }
  const InputShape& shape() const { return shape_; }
  Precision precision() const { return precision_; }
  const engine_cache::EngineContext& context() const { return context_; }
  const Settings& settings() const { return settings_; }

  /// The model's file, to build from; nothing for a cached engine whose model is not at hand.
  const Model* source() const;
  /// A cached engine: the file it was made from.
  void take_source(const Model& model);

  /// The engine as it serves. `input`: [1,3,H,W].
  Tensors run_heads(const HostTensor& input);
  /// The graph built again, with all layers marked (layers.h).
  Tensors run_layers(const HostTensor& input);
  /// The objects that the pipeline gives for the file, its own decoder and kernels included.
  std::vector<Object> run_pipeline(const std::filesystem::path& image) const;

 private:
  void open(const std::string& name);
  void open_cached(const std::string& id);

  Settings settings_;
  engine_cache::EngineProgress progress_;
  std::string engine_ = "auto";
  std::optional<Model> model_, source_;
  engine_cache::EngineContext context_;
  InputShape shape_;
  Precision precision_{};
};

}  // namespace peregrine::compare
