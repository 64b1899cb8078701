// The table of ONNX operators that the reader knows. A handler makes a node's outputs from its inputs.
#pragma once

#include <span>

#include "formats/onnx/read/translation.h"

namespace peregrine::onnx {

using Handler = OnnxValues (*)(Translation&);

/// Throws Error "model.unsupported" for an operator that the table does not have.
Handler handler_of(const pb::NodeProto& node);

/// Throws Error "model.unsupported", naming the node, where the nodes select final boxes instead of giving a
/// head's: before anything that their selection is made with is refused.
void refuse_suppression(std::span<const pb::NodeProto> nodes);

// layers.cpp: operators with weights or windows
OnnxValues conv(Translation& t);
OnnxValues conv_transpose(Translation& t);
OnnxValues gemm(Translation& t);
OnnxValues mat_mul(Translation& t);
OnnxValues batch_norm(Translation& t);
OnnxValues instance_norm(Translation& t);
OnnxValues max_pool(Translation& t);
OnnxValues average_pool(Translation& t);
OnnxValues global_average_pool(Translation& t);
OnnxValues reduce_mean(Translation& t);
OnnxValues resize(Translation& t);
OnnxValues softmax(Translation& t);

// arrays.cpp: operators that move elements
OnnxValues concat(Translation& t);
OnnxValues split(Translation& t);
OnnxValues slice(Translation& t);
OnnxValues reshape(Translation& t);
OnnxValues flatten(Translation& t);
OnnxValues squeeze(Translation& t);
OnnxValues unsqueeze(Translation& t);
OnnxValues transpose(Translation& t);
OnnxValues gather(Translation& t);
OnnxValues expand(Translation& t);
OnnxValues cast(Translation& t);
OnnxValues dropout(Translation& t);
OnnxValues identity(Translation& t);

// known.cpp: operators that shape arithmetic needs, on known tensors only
OnnxValues constant(Translation& t);
OnnxValues constant_of_shape(Translation& t);
OnnxValues shape_of(Translation& t);
OnnxValues range(Translation& t);
OnnxValues floor(Translation& t);
OnnxValues ceil(Translation& t);
OnnxValues equal(Translation& t);
OnnxValues where(Translation& t);

}  // namespace peregrine::onnx
