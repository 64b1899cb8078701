// The contents of a TensorRT plan and their serialisation: TensorRT's own bytes in a checksum envelope, so
// that it never reads damaged ones.
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
  std::vector<Binding>
      bindings;  ///< inputs, then outputs; at the largest batch. Empty: as the engine itself says
  int height = 0, width = 0;        ///< without bindings: the input's, where the engine leaves it open
  std::span<const std::byte> blob;  ///< TensorRT's plan; belongs to the bytes it was read from
};

std::vector<std::byte> write_plan(const PlanContent& content);
/// A plan that another program had TensorRT build, for Builder::load() of `builder`, which finds out what its
/// bindings are: one input, and the outputs of a decoded head (HeadLayout::decoded), whatever they are
/// called.
Plan adopt_plan(const Builder& builder, const Device& device, int height, int width,
                std::span<const std::byte> blob);
/// Throws Error "engine.plan" on bytes that write_plan of this version did not write.
PlanContent read_plan(std::span<const std::byte> bytes);

}  // namespace peregrine::tensorrt
