// The libraries beside TensorRT 8 whose kernels a builder may choose.
#pragma once

#include <cstdint>
#include <vector>

namespace peregrine::tensorrt {

/// Bits of IBuilderConfig::setTacticSources.
enum class TacticSource : std::uint32_t { cublas = 1u << 0, cublas_lt = 1u << 1, cudnn = 1u << 2 };

struct TacticLibrary {
  TacticSource source;
  const char *name, *file;
  const char* newer_file;  ///< as the libraries for CUDA 12 have it
  const char* function;    ///< that a real one has, and an empty file of this name has not
};

/// Those that this process cannot load. A builder that tries a kernel of theirs would fail.
std::vector<TacticLibrary> missing_tactic_libraries();

}  // namespace peregrine::tensorrt
