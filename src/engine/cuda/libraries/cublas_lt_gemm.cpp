// 1x1 convolutions and linear layers as cuBLASLt's GEMMs, where its endings suffice: bias, ReLU, a residual
// before it. Tactics are the algorithms that its heuristic proposes; a chosen one is kept as the library's
// own description.
#include <fmt/format.h>

#include <cstring>

#include "core/log.h"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/libraries/cublas_lt.h"
#include "engine/cuda/plan/pointwise_gemm.h"
#include "peregrine/error.h"

namespace peregrine::cuda {
namespace {

constexpr int most_candidates = 8;

struct Task {
  TensorRef x, weight, y, bias, residual;
  CublasLt::Shape shape;
};

std::optional<Task> task_of(const Operation& operation) {
  const auto gemm = as_pointwise_gemm(operation);
  if (!gemm) return std::nullopt;
  Task task;
  Activation activation = Activation::none;
  TensorRef exact_bias;
  bool added_last = false;
  const auto take = [&](const auto& step) {
    task.x = step.x, task.weight = step.weight, task.y = step.y, task.bias = step.bias_f16;
    exact_bias = step.bias, activation = step.activation;
  };
  if (const auto* conv = std::get_if<Conv>(&operation)) {
    if (is_half_resolution(conv->residual, conv->y)) return std::nullopt;
    take(*conv);
    task.residual = conv->residual;
    added_last = conv->residual && conv->residual_place == ResidualPlace::after_activation;
  } else {
    take(std::get<Linear>(operation));
  }
  if (exact_bias && !task.bias) return std::nullopt;
  if (activation != Activation::none && (activation != Activation::relu || added_last)) return std::nullopt;
  task.shape = {.rows = gemm->y.rows,
                .columns = gemm->y.columns,
                .depth = gemm->x.columns,
                .x_stride = gemm->x.stride,
                .y_stride = gemm->y.stride,
                .residual_stride = gemm->residual ? gemm->residual->stride : 0,
                .bias = static_cast<bool>(task.bias),
                .residual = static_cast<bool>(task.residual),
                .relu = activation == Activation::relu};
  return task;
}

/// Parameters: the library's version, the place among its proposals.
std::vector<Tactic> enumerate_tactics(const Step& step, const Target& target) {
  const auto task = target.cublas_lt ? task_of(step.operation) : std::nullopt;
  if (!task) return {};
  std::vector<Tactic> tactics;
  try {
    const auto proposed = CublasLt::GemmProblem(*target.cublas_lt, task->shape).propose(most_candidates);
    for (std::size_t i = 0; i < proposed.size(); ++i)
      tactics.push_back(make_tactic({target.cublas_lt->version(), static_cast<std::int64_t>(i)}));
  } catch (const Error& refusal) {
    log::debug(fmt::format("{}: no cuBLASLt algorithm: {}", step.name, refusal.sentence()));
  }
  return tactics;
}

/// The chosen algorithm; another version of the library would misread it, and proposes its own.
CublasLt::Algorithm algorithm_of(const CublasLt::GemmProblem& gemm, Tactic& tactic, std::int64_t version) {
  cublasLtMatmulAlgo_t kept;
  if (tactic.payload.size() == sizeof kept && tactic.parameters.at(0) == version) {
    std::memcpy(&kept, tactic.payload.data(), sizeof kept);
    return gemm.checked(kept);
  }
  tactic.honors_pdl_wait = false;  // was tried of another one
  const auto proposed = gemm.propose(most_candidates);
  if (proposed.empty()) throw Error("engine.kernel", "cuBLASLt has no algorithm for it.");
  return proposed[std::min(static_cast<std::size_t>(tactic.parameters.at(1)), proposed.size() - 1)];
}

Launch instantiate(const Step& step, Tactic& tactic, const Target& target) {
  if (!target.cublas_lt) throw Error("engine.kernel", "The plan uses cuBLASLt, which is not loaded.");
  const auto task = task_of(step.operation);
  if (!task || tactic.parameters.size() != 2) throw Error("engine.kernel", "cuBLASLt does not serve it.");
  const auto gemm = std::make_shared<CublasLt::GemmProblem>(*target.cublas_lt, task->shape);
  const CublasLt::Algorithm algorithm = algorithm_of(*gemm, tactic, target.cublas_lt->version());
  tactic.parameters[0] = target.cublas_lt->version();
  tactic.payload.assign(reinterpret_cast<const char*>(&algorithm.algorithm), sizeof algorithm.algorithm);
  tactic.workspace_bytes = static_cast<std::int64_t>(algorithm.workspace_bytes);
  return [gemm, algorithm, task = *task](const Memory& memory, std::byte* workspace, cudaStream_t stream) {
    gemm->run({.x = memory.at(task.x),
               .weight = memory.at(task.weight),
               .bias = memory.at(task.bias),
               .residual = memory.at(task.residual),
               .y = memory.at(task.y)},
              algorithm, workspace, stream);
  };
}

}  // namespace

const KernelProvider cublas_lt_provider{"cublaslt", enumerate_tactics, instantiate, PdlMode::implicit};

}  // namespace peregrine::cuda
