#include "engine/conformance/engines.h"

#if PEREGRINE_OPENVINO
#include "engine/openvino/openvino_builder.h"
#endif
#if PEREGRINE_CUDA
#include "cuda/device.h"
#include "engine/cuda/runtime/cuda_builder.h"
#include "engine/tensorrt/tensorrt_builder.h"
#endif

namespace peregrine::test {

#if PEREGRINE_CUDA
namespace {

EngineUnderTest tensorrt_engine(tensorrt::Flavour flavour) {
  return {[flavour] { return make_tensorrt_builder(flavour, {}); },
          Device::cuda(0),
          {Precision::fp32, Precision::fp16},
          false,
          {"Cast.fp16", "Cast.fp32", "Cast.fp64"}};
}

}  // namespace
#endif

const std::vector<EngineUnderTest>& engines() {
  static const std::vector<EngineUnderTest> all {
#if PEREGRINE_OPENVINO
    {make_openvino_builder,
     Device::cpu(),
     {Precision::fp32, Precision::bf16, Precision::fp16},
     true,
     {"Cast.fp64"}},
#endif
#if PEREGRINE_CUDA
        {make_cuda_builder,
         Device::cuda(0),
         {Precision::fp32, Precision::fp16},
         false,
         {"BatchNorm.vector", "Cast.fp64", "ConvTranspose.3x3-asymmetric", "ConvTranspose.3x3-padded",
          "ConvTranspose.groups2"}},
        tensorrt_engine(tensorrt::Flavour::tensorrt), tensorrt_engine(tensorrt::Flavour::rtx),
#endif
  };
  return all;
}

std::string missing(const EngineUnderTest& engine) {
  if (!engine.device.on_gpu()) return {};
#if PEREGRINE_CUDA
  if (cuda::device_count() > 0) return engine.make()->cannot_run(engine.device);
#endif
  return "no CUDA device";
}

}  // namespace peregrine::test
