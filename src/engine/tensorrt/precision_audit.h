// Audits the precision of a network by the network's own types, which are binding with strong typing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/tensorrt/library/objects.h"
#include "peregrine/precision.h"

namespace peregrine::tensorrt {

struct PrecisionAudit {
  struct Exception {
    std::string layer, reason;  ///< reason: the export's own; empty where it gave none
  };
  int half_layers = 0, single_layers = 0;  ///< layers with floating-point outputs; others move integers
  std::vector<Exception> exceptions;       ///< layers in FP32 where FP16 was asked for
};

/// Counts the layers of `network`. `reasons`: node of the model -> why its export keeps it in FP32.
PrecisionAudit audit_precision(const NetworkDefinition& network,
                               const std::map<std::string, std::string>& reasons);

/// Throws Error "engine.precision" where FP16 was asked for, and a layer without a reason, or an output, is
/// FP32.
void require_precision(const NetworkDefinition& network, const PrecisionAudit& audit, Precision wanted);

/// One sentence for the record: "TensorRT-RTX 1.7.1's network: 171 of 171 layers compute in FP16."
std::string to_string(const PrecisionAudit& audit);

}  // namespace peregrine::tensorrt
