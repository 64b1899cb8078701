// The reference executor's loops for the operators that graph/evaluate.h leaves to engines: inputs and
// outputs are dense FP32, outputs have the inferred shapes.
#pragma once

#include <span>

#include "core/tensor.h"
#include "graph/operation.h"

namespace peregrine::graph::reference {

using Inputs = std::span<const HostTensor* const>;
using Outputs = std::span<HostTensor>;

// convolution.cpp
void evaluate(const Conv& conv, Inputs in, Outputs out);

// products.cpp
void evaluate(const ConvTranspose& conv, Inputs in, Outputs out);
void evaluate(const Linear& linear, Inputs in, Outputs out);
void evaluate(const MatMul& product, Inputs in, Outputs out);

// normalisation.cpp
void evaluate(const BatchNorm& norm, Inputs in, Outputs out);
void evaluate(const InstanceNorm& norm, Inputs in, Outputs out);
void evaluate(const Softmax& softmax, Inputs in, Outputs out);

// windows.cpp
void evaluate(const Pool& pool, Inputs in, Outputs out);
void evaluate(const GlobalAveragePool& pool, Inputs in, Outputs out);
void evaluate(const Upsample& upsample, Inputs in, Outputs out);

}  // namespace peregrine::graph::reference
