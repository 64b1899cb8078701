// CudaEngine is the Engine of a loaded plan.
#pragma once

#include <memory>
#include <vector>

#include "engine/cuda/libraries/cublas_lt.h"
#include "engine/cuda/libraries/cudnn.h"
#include "engine/cuda/runtime/executor.h"
#include "engine/engine.h"

namespace peregrine::cuda {

class CudaEngine final : public Engine {
 public:
  /// Null libraries: missing, or the plan does not use them. `pool`: as in Builder::load().
  CudaEngine(ExecutionPlan plan, DeviceFacts device, std::unique_ptr<Cudnn> cudnn,
             std::unique_ptr<CublasLt> cublas_lt, const MemoryPool* pool = nullptr);

  std::span<const Binding> io() const override { return bindings_; }
  Precision precision() const override { return executor_.plan().precision; }
  void enqueue(std::span<const TensorView> bindings, StreamHandle stream) override;
  std::vector<LayerTime> time_layers(StreamHandle stream) override;

  /// For reports and measurements.
  Executor& executor() noexcept { return executor_; }

 private:
  DeviceFacts device_;
  // Before executor_: its kernels belong to these libraries' handles.
  std::unique_ptr<Cudnn> cudnn_;
  std::unique_ptr<CublasLt> cublas_lt_;
  Executor executor_;
  std::vector<Binding> bindings_;
  std::vector<void*> pointers_;
};

}  // namespace peregrine::cuda
