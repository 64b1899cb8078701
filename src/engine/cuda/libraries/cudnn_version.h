#pragma once

#include <string>

namespace peregrine::cuda {

/// "9.19.0", of the library that would be loaded; needs no device. Throws Error "environment.library" when it
/// is missing.
std::string cudnn_version();

}  // namespace peregrine::cuda
