// Converts element types to OpenVINO's and back.
#pragma once

#include <openvino/core/type/element_type.hpp>

#include "peregrine/tensor.h"

namespace peregrine::openvino {

inline ov::element::Type element_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return ov::element::f32;
    case DType::f16: return ov::element::f16;
    case DType::bf16: return ov::element::bf16;
    case DType::f64: return ov::element::f64;
    case DType::u8: return ov::element::u8;
    case DType::i8: return ov::element::i8;
    case DType::boolean: return ov::element::boolean;
    case DType::i32: return ov::element::i32;
    case DType::i64: return ov::element::i64;
  }
  return ov::element::dynamic;
}

}  // namespace peregrine::openvino
