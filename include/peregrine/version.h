// The version of the library, as `peregrine --version` prints it.
#pragma once

namespace peregrine {

inline constexpr const char* version = "0.1.0";

}  // namespace peregrine
