// A plan as bytes: sealed (engine/checksum_envelope.h), one CBOR document with everything but the weights,
// then the weights.
#pragma once

#include <span>

#include "engine/cuda/plan/plan.h"

namespace peregrine::cuda {

std::vector<std::byte> to_bytes(const ExecutionPlan& plan);

/// Inverse. Throws Error "engine.plan" when the bytes are cut short, altered or of another version, or hold a
/// plan with defects (plan_check.h).
ExecutionPlan plan_from_bytes(std::span<const std::byte> bytes);

enum class Fit : std::uint8_t {
  same,     ///< load and run
  verify,   ///< only the driver differs: compare with the reference again, then run
  rebuild,  ///< model, GPU or cuDNN differ: the tactics may be wrong or impossible
};
struct PlanCompatibility {
  Fit fit = Fit::same;
  std::string why;  ///< what differs, in words; empty if nothing does
};
/// Whether a plan made for one place serves at another.
PlanCompatibility compatibility_of(const PlanIdentity& made_for, const PlanIdentity& here);

}  // namespace peregrine::cuda
