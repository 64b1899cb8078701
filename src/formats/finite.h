// Rejects weights that are not finite.
#pragma once

#include <string_view>

#include "core/tensor.h"

namespace peregrine {

/// Throws Error "model.weights" naming the tensor where a floating-point value of it is NaN or infinite.
void require_finite(const HostTensor& tensor, std::string_view name);
/// The same for NaN alone: infinity bounds a range or masks a position in some graphs.
void require_no_nan(const HostTensor& tensor, std::string_view name);

/// Throws Error "model.weights" naming the tensor where a variance and its epsilon have no square root above
/// 0: the normalisation would give NaN or infinity.
void require_variance(const HostTensor& tensor, double epsilon, std::string_view name);

}  // namespace peregrine
