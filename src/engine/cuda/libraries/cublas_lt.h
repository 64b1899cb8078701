// cuBLASLt, loaded on use: GEMMs with bias and ReLU.
#pragma once

#include <cublasLt.h>

#include <memory>
#include <string>
#include <vector>

#include "core/os/dynamic_library.h"

namespace peregrine::cuda {

/// The library and a handle for the device that was current when it was made.
class CublasLt {
 public:
  /// Throws Error "environment.library" when cuBLAS 13 is missing.
  CublasLt();
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  /// As the library counts: 130002.
  std::int64_t version() const { return static_cast<std::int64_t>(version_()); }

  /// y [rows, columns] = x [rows, depth] times weight [columns, depth] transposed, plus a residual, plus
  /// bias, ReLU: row-major FP16, strides in elements, sums in FP32.
  struct Shape {
    std::int64_t rows = 0, columns = 0, depth = 0;
    std::int64_t x_stride = 0, y_stride = 0, residual_stride = 0;
    bool bias = false, residual = false, relu = false;
  };
  struct Operands {
    const void *x = nullptr, *weight = nullptr, *bias = nullptr, *residual = nullptr;
    void* y = nullptr;
  };
  class GemmProblem;
  struct Algorithm {
    cublasLtMatmulAlgo_t algorithm;
    std::size_t workspace_bytes = 0;
  };

 private:
  void check(cublasStatus_t status, const char* call) const;

  DynamicLibrary library_;
  decltype(&cublasLtDestroy) destroy_;
  decltype(&cublasLtGetVersion) version_;
  decltype(&cublasLtGetStatusString) status_text_;
  decltype(&cublasLtMatmul) matmul_;
  decltype(&cublasLtMatmulDescCreate) describe_;
  decltype(&cublasLtMatmulDescDestroy) forget_description_;
  decltype(&cublasLtMatmulDescSetAttribute) set_;
  decltype(&cublasLtMatrixLayoutCreate) lay_out_;
  decltype(&cublasLtMatrixLayoutDestroy) forget_layout_;
  decltype(&cublasLtMatmulPreferenceCreate) prefer_;
  decltype(&cublasLtMatmulPreferenceDestroy) forget_preference_;
  decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference_;
  decltype(&cublasLtMatmulAlgoGetHeuristic) propose_;
  decltype(&cublasLtMatmulAlgoCheck) check_algorithm_;
  cublasLtHandle_t handle_ = nullptr;
};

/// The descriptors of one gemm. Not for several threads at once.
class CublasLt::GemmProblem {
 public:
  /// Throws Error "engine.cublas" with the library's words.
  GemmProblem(const CublasLt& library, const Shape& shape);

  /// What the heuristic proposes, best first, `at_most` of them; empty where it knows none.
  std::vector<Algorithm> propose(int at_most) const;
  /// The algorithm with its workspace; throws Error "engine.cublas" where it does not serve this gemm.
  Algorithm checked(const cublasLtMatmulAlgo_t& algorithm) const;
  void run(const Operands& operands, const Algorithm& algorithm, void* workspace, cudaStream_t stream) const;

 private:
  template <class T>
  void set(cublasLtMatmulDescAttributes_t name, const T& value) const {
    library_.check(library_.set_(description_.get(), name, &value, sizeof value),
                   "cublasLtMatmulDescSetAttribute");
  }
  std::shared_ptr<cublasLtMatrixLayoutOpaque_t> layout(std::int64_t rows, std::int64_t columns,
                                                       std::int64_t stride) const;

  const CublasLt& library_;
  Shape shape_;
  std::shared_ptr<cublasLtMatmulDescOpaque_t> description_;
  std::shared_ptr<cublasLtMatrixLayoutOpaque_t> weight_, x_, residual_, y_;
};

}  // namespace peregrine::cuda
