// The families that there are, each defined in the file of its kernels.
#pragma once

#include "engine/cuda/kernel.h"

namespace peregrine::cuda {

extern const KernelFamily cudnn_conv_family, cutlass_family, cutlass_window_family, halo_family, cublas_lt_family,
    gemm_conv_family, stem_family, direct_conv_family, depthwise_family, depthwise_ring_family, bottleneck_family,
    separable_family, separate_family, conv_transpose_family, linear_family, pool_family, pool_chain_family, upsample_family,
    attention_family, attention_plain_family, gated_sum_family, global_pool_family, elementwise_family, softmax_family,
    matmul_family, instance_norm_family;

}  // namespace peregrine::cuda
