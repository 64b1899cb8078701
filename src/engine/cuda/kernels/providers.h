// All kernel providers, each defined in the file of its kernels.
#pragma once

#include "engine/cuda/runtime/kernel.h"

namespace peregrine::cuda {

extern const KernelProvider cudnn_conv_provider, cutlass_gemm_provider, cutlass_implicit_gemm_provider,
    conv3x3_sm90_provider, cublas_lt_provider, gemm_conv_provider, stem_provider, direct_conv_provider,
    depthwise_provider, depthwise3x3_sm90_provider, bottleneck_provider, depthwise_pointwise_provider,
    unfused_pair_provider, conv_transpose_provider, linear_provider, pool_provider, pool_chain_provider,
    upsample_provider, attention_provider, attention_plain_provider, gated_sum_provider, global_pool_provider,
    elementwise_provider, softmax_provider, matmul_provider, instance_norm_provider;

}  // namespace peregrine::cuda
