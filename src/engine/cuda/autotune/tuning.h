// Tuning fills in the tactics of a plan by measuring on the device.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cuda/plan/plan.h"
#include "engine/cuda/runtime/kernel.h"

namespace peregrine::cuda {

/// The measurement of one tactic for one kind of step.
struct Measurement {
  std::string step;  ///< the first step of its signature
  Tactic tactic;     ///< without payload
  double microseconds = 0;
  double preparing_ms = 0;
  std::string rejected;  ///< why it was not measured; empty when it was
};

struct TuningOptions {
  /// Told of progress, 0..1; returns false to cancel (Error "interrupted.build").
  std::function<bool(double, std::string_view)> progress;
  /// Told of every measurement, for reports.
  std::function<void(const Measurement&)> observe;
  /// Reduces a step's tactics by earlier measurements; the last one, the reference, must stay. Null: all are
  /// measured.
  std::function<void(const Step&, std::vector<Tactic>&)> narrow;
};

/// Measures every signature once and fills in `tactic` of all steps that share it; then fuses the pairs of
/// convolutions that are faster as one step (conv_pairs.h), which changes the plan's steps. Only a tactic
/// whose result agrees with that of the step's reference is selected; a library's tactic that is selected
/// goes through the PDL probe (Tactic::honors_pdl_wait). The device of `target` must be current.
void tune(ExecutionPlan& plan, const Target& target, const TuningOptions& options);

/// Validates the selected tactic of every signature against the step's reference. Throws Error "engine.plan"
/// naming the first step that deviates. It repeats the PDL probe of tactics that passed it, and clears
/// honors_pdl_wait where they no longer do.
void verify(ExecutionPlan& plan, const Target& target);

}  // namespace peregrine::cuda
