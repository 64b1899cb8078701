// The contents of an OpenVINO plan, and their serialisation.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace peregrine::openvino {

struct PlanContent {
  Precision precision = Precision::fp32;  ///< asked for
  bool dynamic = false;                   ///< batch, height and width are open
  int threads = 0;
  std::vector<Binding> bindings;    ///< inputs, then outputs, in the order of the model's
  std::span<const std::byte> blob;  ///< CompiledModel::export_model; belongs to the bytes it was read from
};

std::vector<std::byte> write_plan(const PlanContent& content);
/// Throws Error "engine.plan" on bytes that write_plan of this version did not write.
PlanContent read_plan(std::span<const std::byte> bytes);

}  // namespace peregrine::openvino
