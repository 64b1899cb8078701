// Fills in the choices of a plan by measuring on the device.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cuda/kernel.h"
#include "engine/cuda/plan.h"

namespace peregrine::cuda {

/// One candidate of one kind of step, as measured.
struct Measurement {
  std::string step;  ///< the first step of its signature
  Choice choice;     ///< without payload
  double microseconds = 0;
  double preparing_ms = 0;
  std::string rejected;  ///< why, empty when it was in the race
};

struct TuningOptions {
  /// Told of progress, 0..1; returns false to cancel (Error "interrupted.build").
  std::function<bool(double, std::string_view)> progress;
  /// Told of every measurement, for reports.
  std::function<void(const Measurement&)> observe;
  /// Narrows a step's candidates, from earlier measurements; the last one, the reference, must stay. Absent: all race.
  std::function<void(const Step&, std::vector<Choice>&)> narrow;
};

/// Measures every signature once and fills in `choice` of all steps that share it; then merges the pairs that are faster as
/// one step (pairs.h), which changes the plan's steps. A candidate may win only when its
/// result agrees with that of the step's reference; of a library's that wins it is tried whether it waits for its predecessor
/// (Choice::waits). The device of `target` must be current.
void tune(ExecutionPlan& plan, const Target& target, const TuningOptions& options);

/// Runs the chosen kernel of every signature against the step's reference. Throws Error "engine.plan" naming the first
/// step that differs. Tries again whether those wait that did, and takes it back from the others.
void verify(ExecutionPlan& plan, const Target& target);

}  // namespace peregrine::cuda
