// `peregrine selftest` checks on this machine what the tests prove of the code: the GPU-only policy raises
// what it must, and the engine computes what it must.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "peregrine/settings.h"

namespace peregrine::doctor {

struct SelftestCheck {
  std::string name;     ///< "Conv.3x3-stride2-odd"
  std::string failure;  ///< what went wrong, in a sentence; empty: it passed
  std::string note{};   ///< with a check that passed: "differs by 3.1e-04, allowed 1.0e-03", "refused: ..."
};

/// Provokes each enforcement of FORCE_GPU_ONLY, in every place that it guards, and compares its words with
/// those that users search their logs for. Needs no device; on a machine with one, real memory of each kind
/// is asked for its place as well.
std::vector<SelftestCheck> provoke_enforcement();

/// Told of every check as soon as it is done; false stops.
using OnSelftestCheck = std::function<bool(const SelftestCheck&)>;

/// All conformance cases on the engine that the settings and `engine` choose (start-up enforcement included),
/// each validated against the reference executor; then the demo models, where `demo` is a folder, validated
/// against FP32 on their scenes: the cuda engine's on a device, OpenVINO's otherwise, the reference
/// executor's for OpenVINO in FP32. The first check is the engine itself: its library, device, driver and
/// precision.
void check_engine(const Settings& settings, const std::string& engine, const std::string& demo,
                  const OnSelftestCheck& report);

}  // namespace peregrine::doctor
