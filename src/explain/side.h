// One of the two: a model, the engine that runs it, and what comes out of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "model/model.h"
#include "peregrine/results.h"
#include "provision/engine_choice.h"

namespace peregrine::explain {

/// Tensors of one run, by name.
struct Tensors {
  std::vector<std::string> names;
  std::vector<HostTensor> values;
  const HostTensor* find(const std::string& name) const;
};

class Side {
 public:
  /// `told`: what the user says the model is.
  Side(const Settings& settings, const std::string& text, const std::optional<TaskHint>& told);

  std::string title() const;
  const ModelInfo& model() const { return model_->info(); }
  const InputShape& shape() const { return shape_; }
  Precision precision() const { return precision_; }
  const provision::EngineChoice& choice() const { return choice_; }
  const Settings& settings() const { return settings_; }

  /// The model's file, to build from; nothing for a kept engine whose model is not at hand.
  const Model* source() const;
  /// A kept engine: the file it was made from.
  void take_source(const Model& model);

  /// The engine as it serves. `input`: [1,3,H,W].
  Tensors run_heads(const HostTensor& input);
  /// The graph built again, with all layers marked (layers.h).
  Tensors run_layers(const HostTensor& input);
  /// The objects that the pipeline gives for the file, its own decoder and kernels included.
  std::vector<Object> run_pipeline(const std::filesystem::path& picture) const;

 private:
  void open(const std::string& name);
  void open_kept(const std::string& id);

  Settings settings_;
  std::string engine_ = "auto";
  std::optional<Model> model_, source_;
  provision::EngineChoice choice_;
  InputShape shape_;
  Precision precision_{};
};

}  // namespace peregrine::explain
