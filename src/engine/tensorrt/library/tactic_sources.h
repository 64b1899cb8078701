// The libraries beside TensorRT 8 whose kernels a builder may choose.
#pragma once

#include <cstdint>
#include <vector>

namespace peregrine::tensorrt {

/// Bits of IBuilderConfig::setTacticSources.
enum class TacticSource : std::uint32_t { cublas = 1u << 0, cublas_lt = 1u << 1, cudnn = 1u << 2 };

struct TacticLibrary {
  TacticSource source;
  const char* name;  ///< "cuBLAS"
};

/// Those that this process cannot load. A builder that tries a kernel of theirs would fail.
std::vector<TacticLibrary> missing_tactic_libraries();

}  // namespace peregrine::tensorrt
