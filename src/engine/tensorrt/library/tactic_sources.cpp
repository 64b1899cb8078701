#include "engine/tensorrt/library/tactic_sources.h"

#include <algorithm>

#include "core/os/dynamic_library.h"
#include "peregrine/error.h"

namespace peregrine::tensorrt {

namespace {

/// A file that may hold the library, and a function by which a real one is told from an empty file of its
/// name.
struct TacticFile {
  TacticLibrary library;
  const char *file, *function;
};
constexpr TacticLibrary cublas{TacticSource::cublas, "cuBLAS"},
    cublas_lt{TacticSource::cublas_lt, "cuBLASLt"}, cudnn{TacticSource::cudnn, "cuDNN"};
// TensorRT 8.6 exists for CUDA 11 and for CUDA 12.
constexpr TacticFile tactic_files[] = {{cublas, "libcublas.so.11", "cublasGetVersion_v2"},
                                       {cublas, "libcublas.so.12", "cublasGetVersion_v2"},
                                       {cublas_lt, "libcublasLt.so.11", "cublasLtGetVersion"},
                                       {cublas_lt, "libcublasLt.so.12", "cublasLtGetVersion"},
                                       {cudnn, "libcudnn.so.8", "cudnnGetVersion"}};

bool is_present(const TacticFile& candidate) {
  try {
    return DynamicLibrary::load_named(candidate.file).find(candidate.function) != nullptr;
  } catch (const Error&) {  // the expected answer where it is not installed
    return false;
  }
}

}  // namespace

std::vector<TacticLibrary> missing_tactic_libraries() {
  std::vector<TacticLibrary> missing;
  for (const TacticLibrary& library : {cublas, cublas_lt, cudnn})
    if (std::ranges::none_of(tactic_files, [&](const TacticFile& candidate) {
          return candidate.library.source == library.source && is_present(candidate);
        }))
      missing.push_back(library);
  return missing;
}

}  // namespace peregrine::tensorrt
