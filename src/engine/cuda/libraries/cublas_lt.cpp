#include "engine/cuda/libraries/cublas_lt.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "core/log.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

namespace {

constexpr std::array<std::string_view, 1> files{"libcublasLt.so.13"};
constexpr std::size_t most_workspace = std::size_t{8} << 20;  ///< for reductions that several blocks share
constexpr std::uint32_t alignment = 16;                       ///< of every matrix

DynamicLibrary load() {
  return DynamicLibrary::load(
      {"cuBLAS 13", files, "cu13/lib", "Install libcublas-13-0, or the wheel nvidia-cublas."});
}

}  // namespace

CublasLt::CublasLt()
    : library_(load()),
      destroy_(library_.get<decltype(cublasLtDestroy)>("cublasLtDestroy")),
      version_(library_.get<decltype(cublasLtGetVersion)>("cublasLtGetVersion")),
      status_text_(library_.get<decltype(cublasLtGetStatusString)>("cublasLtGetStatusString")),
      matmul_(library_.get<decltype(cublasLtMatmul)>("cublasLtMatmul")),
      describe_(library_.get<decltype(cublasLtMatmulDescCreate)>("cublasLtMatmulDescCreate")),
      forget_description_(library_.get<decltype(cublasLtMatmulDescDestroy)>("cublasLtMatmulDescDestroy")),
      set_(library_.get<decltype(cublasLtMatmulDescSetAttribute)>("cublasLtMatmulDescSetAttribute")),
      lay_out_(library_.get<decltype(cublasLtMatrixLayoutCreate)>("cublasLtMatrixLayoutCreate")),
      forget_layout_(library_.get<decltype(cublasLtMatrixLayoutDestroy)>("cublasLtMatrixLayoutDestroy")),
      prefer_(library_.get<decltype(cublasLtMatmulPreferenceCreate)>("cublasLtMatmulPreferenceCreate")),
      forget_preference_(
          library_.get<decltype(cublasLtMatmulPreferenceDestroy)>("cublasLtMatmulPreferenceDestroy")),
      set_preference_(library_.get<decltype(cublasLtMatmulPreferenceSetAttribute)>(
          "cublasLtMatmulPreferenceSetAttribute")),
      propose_(library_.get<decltype(cublasLtMatmulAlgoGetHeuristic)>("cublasLtMatmulAlgoGetHeuristic")),
      check_algorithm_(library_.get<decltype(cublasLtMatmulAlgoCheck)>("cublasLtMatmulAlgoCheck")) {
  check(library_.get<decltype(cublasLtCreate)>("cublasLtCreate")(&handle_), "cublasLtCreate");
}

CublasLt::~CublasLt() {
  const cublasStatus_t status = destroy_(handle_);
  if (status != CUBLAS_STATUS_SUCCESS)
    log::error(std::string("cublasLtDestroy failed: ") + status_text_(status));
}

void CublasLt::check(cublasStatus_t status, const char* call) const {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const std::string sentence =
      fmt::format("The cuda engine was refused by cuBLASLt: {} failed: {}.", call, status_text_(status));
  if (status == CUBLAS_STATUS_ALLOC_FAILED)
    throw Error("device.memory", sentence, "Use a smaller batch or image size.");
  throw Error("engine.cublas", sentence);
}

// The library thinks in columns: of its view, everything here is the transpose. y transposed [columns, rows]
// = weight [columns, depth] times x transposed; a bias of a row there is one of a channel here.
CublasLt::GemmProblem::GemmProblem(const CublasLt& library, const Shape& shape)
    : library_(library), shape_(shape) {
  cublasLtMatmulDesc_t description = nullptr;
  library.check(library.describe_(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
  description_ = {description, library.forget_description_};
  set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  const cublasLtEpilogue_t plain = shape.relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT;
  const cublasLtEpilogue_t biased = shape.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, shape.bias ? biased : plain);
  weight_ = layout(shape.depth, shape.columns, shape.depth);
  x_ = layout(shape.depth, shape.rows, shape.x_stride);
  y_ = layout(shape.columns, shape.rows, shape.y_stride);
  residual_ = shape.residual ? layout(shape.columns, shape.rows, shape.residual_stride) : y_;
}

std::shared_ptr<cublasLtMatrixLayoutOpaque_t> CublasLt::GemmProblem::layout(std::int64_t rows,
                                                                            std::int64_t columns,
                                                                            std::int64_t stride) const {
  cublasLtMatrixLayout_t layout = nullptr;
  library_.check(library_.lay_out_(&layout, CUDA_R_16F, static_cast<std::uint64_t>(rows),
                                   static_cast<std::uint64_t>(columns), stride),
                 "cublasLtMatrixLayoutCreate");
  return {layout, library_.forget_layout_};
}

std::vector<CublasLt::Algorithm> CublasLt::GemmProblem::propose(int at_most) const {
  cublasLtMatmulPreference_t raw = nullptr;
  library_.check(library_.prefer_(&raw), "cublasLtMatmulPreferenceCreate");
  const std::shared_ptr<cublasLtMatmulPreferenceOpaque_t> preference(raw, library_.forget_preference_);
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t name, const auto& value) {
    library_.check(library_.set_preference_(raw, name, &value, sizeof value),
                   "cublasLtMatmulPreferenceSetAttribute");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{most_workspace});
  // Parts of a shared reduction are added in FP32, or it is not shared.
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  for (const auto name :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    prefer(name, alignment);
  std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<std::size_t>(at_most));
  int found = 0;
  const cublasStatus_t status =
      library_.propose_(library_.handle_, description_.get(), weight_.get(), x_.get(), residual_.get(),
                        y_.get(), raw, at_most, results.data(), &found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) return {};
  library_.check(status, "cublasLtMatmulAlgoGetHeuristic");
  std::vector<Algorithm> algorithms;
  for (const auto& result : std::span(results).first(static_cast<std::size_t>(found)))
    if (result.state == CUBLAS_STATUS_SUCCESS) algorithms.push_back({result.algo, result.workspaceSize});
  return algorithms;
}

CublasLt::Algorithm CublasLt::GemmProblem::checked(const cublasLtMatmulAlgo_t& algorithm) const {
  cublasLtMatmulHeuristicResult_t result{};
  library_.check(library_.check_algorithm_(library_.handle_, description_.get(), weight_.get(), x_.get(),
                                           residual_.get(), y_.get(), &algorithm, &result),
                 "cublasLtMatmulAlgoCheck");
  library_.check(result.state, "cublasLtMatmulAlgoCheck");
  return {algorithm, result.workspaceSize};
}

void CublasLt::GemmProblem::run(const Operands& operands, const Algorithm& algorithm, void* workspace,
                                cudaStream_t stream) const {
  if (shape_.bias) set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, operands.bias);
  const float one = 1, beta = shape_.residual ? 1.0f : 0.0f;
  library_.check(
      library_.matmul_(library_.handle_, description_.get(), &one, operands.weight, weight_.get(), operands.x,
                       x_.get(), &beta, shape_.residual ? operands.residual : operands.y, residual_.get(),
                       operands.y, y_.get(), &algorithm.algorithm, workspace, algorithm.workspace_bytes,
                       stream),
      "cublasLtMatmul");
}

}  // namespace peregrine::cuda
