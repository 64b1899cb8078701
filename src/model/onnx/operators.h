// The table of ONNX operators that the reader knows. A handler makes a node's outputs from its inputs.
#pragma once

#include <span>

#include "model/onnx/translation.h"

namespace peregrine::onnx {

using Handler = Operands (*)(Translation&);

/// Throws Error "model.unsupported" for an operator that the table does not have.
Handler handler_of(const pb::NodeProto& node);

/// Throws Error "model.unsupported", naming the node, where the nodes select final boxes instead of giving a
/// head's: before anything that their selection is made with is refused.
void refuse_suppression(std::span<const pb::NodeProto> nodes);

// layers.cpp: operators with weights or windows
Operands conv(Translation& t);
Operands conv_transpose(Translation& t);
Operands gemm(Translation& t);
Operands mat_mul(Translation& t);
Operands batch_norm(Translation& t);
Operands instance_norm(Translation& t);
Operands max_pool(Translation& t);
Operands average_pool(Translation& t);
Operands global_average_pool(Translation& t);
Operands reduce_mean(Translation& t);
Operands resize(Translation& t);
Operands softmax(Translation& t);

// arrays.cpp: operators that move elements
Operands concat(Translation& t);
Operands split(Translation& t);
Operands slice(Translation& t);
Operands reshape(Translation& t);
Operands flatten(Translation& t);
Operands squeeze(Translation& t);
Operands unsqueeze(Translation& t);
Operands transpose(Translation& t);
Operands gather(Translation& t);
Operands expand(Translation& t);
Operands cast(Translation& t);
Operands dropout(Translation& t);
Operands identity(Translation& t);

// known.cpp: operators that shape arithmetic needs, on known tensors only
Operands constant(Translation& t);
Operands constant_of_shape(Translation& t);
Operands shape_of(Translation& t);
Operands range(Translation& t);
Operands floor(Translation& t);
Operands ceil(Translation& t);
Operands equal(Translation& t);
Operands where(Translation& t);

}  // namespace peregrine::onnx
