// A compiled OpenVINO model and its one infer request.
#pragma once

#include <exception>
#include <openvino/runtime/core.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "peregrine/error.h"

namespace peregrine::openvino {

/// OpenVINO as this process uses it: plugins are loaded once.
ov::Core& core();

/// Our sentence, and the last line of OpenVINO's message, the others being its files and checks; all of it
/// goes to the debug log. Error "environment.memory" where it speaks of memory.
Error failure(std::string_view what, const std::exception& error, std::string hint = {});

/// Configuration of the CPU plugin for a precision and a number of threads (0: its own choice).
ov::AnyMap configuration(Precision precision, int threads);

class OpenVinoEngine final : public Engine {
 public:
  /// `bindings` in the order of the model's inputs and outputs; with `dynamic`, their shapes are examples.
  OpenVinoEngine(ov::CompiledModel model, std::vector<Binding> bindings, bool dynamic);

  std::span<const Binding> io() const override { return bindings_; }
  Precision precision() const override { return precision_; }
  void enqueue(std::span<const TensorView> bindings, StreamHandle stream) override;

 private:
  void check(const Binding& expected, const TensorView& given) const;

  ov::CompiledModel model_;
  ov::InferRequest request_;
  std::vector<Binding> bindings_;
  bool dynamic_;
  Precision precision_;
};

}  // namespace peregrine::openvino
