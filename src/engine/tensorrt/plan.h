// What a TensorRT plan holds, and its bytes: TensorRT's own, sealed, so that it never sees damaged ones.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "engine/engine.h"

namespace peregrine::tensorrt {

struct PlanContent {
  Precision precision = Precision::fp32;
  std::optional<BatchRange> batches;  ///< the open batch
  std::vector<Binding> bindings;      ///< inputs, then outputs; at the largest batch
  std::span<const std::byte> blob;    ///< TensorRT's plan; belongs to the bytes it was read from
};

std::vector<std::byte> write_plan(const PlanContent& content);
/// Throws Error "engine.plan" on bytes that write_plan of this version did not write.
PlanContent read_plan(std::span<const std::byte> bytes);

}  // namespace peregrine::tensorrt
