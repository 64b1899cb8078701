#include "engine/tensorrt/library/tactic_sources.h"

#include "core/os/dynamic_library.h"
#include "peregrine/error.h"

namespace peregrine::tensorrt {

namespace {

constexpr TacticLibrary tactic_libraries[] = {
    {TacticSource::cublas, "cuBLAS", "libcublas.so.11", "libcublas.so.12", "cublasGetVersion_v2"},
    {TacticSource::cublas_lt, "cuBLASLt", "libcublasLt.so.11", "libcublasLt.so.12", "cublasLtGetVersion"},
    {TacticSource::cudnn, "cuDNN", "libcudnn.so.8", "libcudnn.so.8", "cudnnGetVersion"}};

bool has(const char* file, const char* function) {
  try {
    return DynamicLibrary::load_named(file).find(function) != nullptr;
  } catch (const Error&) {  // the expected answer where it is not installed
    return false;
  }
}

bool is_missing(const TacticLibrary& library) {
  return !has(library.file, library.function) && !has(library.newer_file, library.function);
}

}  // namespace

std::vector<TacticLibrary> missing_tactic_libraries() {
  std::vector<TacticLibrary> missing;
  for (const TacticLibrary& library : tactic_libraries)
    if (is_missing(library)) missing.push_back(library);
  return missing;
}

}  // namespace peregrine::tensorrt
