// Tensors of an ONNX file to host tensors and back.
#pragma once

#include <string>

#include "core/tensor.h"
#include "formats/onnx/proto.h"

namespace peregrine::onnx {

/// What the file stores, in one of two types: FP32 for every floating-point type, INT64 for integers and
/// booleans. Throws Error "model.tensor" when the elements are not all there, "model.unsupported" for other
/// types and for elements that lie in another file.
HostTensor from_proto(const pb::TensorProto& proto);

/// "uint8", "bfloat16": an element type by its name in ONNX.
std::string type_name(int onnx_type);

/// The tensor (f32, f16 or i64) under a name, its bytes as they are.
pb::TensorProto to_proto(std::string name, const HostTensor& tensor);

}  // namespace peregrine::onnx
