// TensorRtEngine is the Engine of a loaded plan.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cuda/memory.h"
#include "engine/engine.h"
#include "engine/tensorrt/library/objects.h"
#include "engine/tensorrt/plan.h"

namespace peregrine::tensorrt {

class TensorRtEngine final : public Engine {
 public:
  /// Deserialises, gives the execution its memory, and runs once: afterwards enqueue() only launches, and can
  /// be captured. `pool`: as in Builder::load(); TensorRT 10.0 alone takes its memory itself, having no way
  /// to be given any.
  TensorRtEngine(const Library& library, PlanContent content, const Device& device,
                 const cuda::MemoryPool* pool);

  std::span<const Binding> io() const override { return bindings_; }
  void prefer_batch(int batch) override;
  Precision precision() const override { return precision_; }
  void enqueue(std::span<const TensorView> bindings, StreamHandle stream) override;
  bool capturable(StreamHandle stream) const override { return context_->capturable(stream.cuda_stream); }

 private:
  void require_same_bindings() const;
  /// Of an engine whose plan does not say: from the engine, names of outputs as stages know them.
  void read_inputs(int height, int width);
  void read_outputs();
  void add_binding(const std::string& name, const std::string& known_as, bool is_input, const Shape& shape);
  void check(const Binding& expected, const TensorView& given) const;
  void set_batch(std::int64_t batch);
  void warm_up();

  const Library& library_;
  Device device_;
  Precision precision_;
  const cuda::MemoryPool* pool_;
  std::optional<BatchRange> batches_;
  std::vector<Binding> bindings_;
  std::vector<std::string> names_;  ///< of the bindings, as the engine has them
  RuntimeObject runtime_;
  std::optional<EngineObject> engine_;
  cuda::DeviceBuffer memory_;  ///< what the layers use between them; before context_, which uses it
  std::optional<ExecutionContext> context_;
  std::int64_t batch_ = 0;  ///< the one that the context is set to
};

}  // namespace peregrine::tensorrt
