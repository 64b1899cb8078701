// Convolution with bias, activation and residual as one fused cuDNN kernel. Tactics are the engine
// configurations that cuDNN's heuristics A and B propose; a chosen one is kept as cuDNN's own serialised
// plan, so that loading neither asks the heuristics nor compiles.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/log.h"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/libraries/cudnn.h"
#include "engine/cuda/plan/tensor_views.h"
#include "peregrine/error.h"

namespace peregrine::cuda {
namespace {

/// Tensors of the graph; the position is the unique id that cuDNN knows them by.
enum Id : std::int64_t { id_x = 1, id_weight, id_bias, id_residual, id_y, id_first_virtual };

using Extents = std::array<std::int64_t, 4>;

/// Builds the operation graph of one convolution.
class GraphMaker {
 public:
  GraphMaker(const Cudnn& cudnn, const Conv& conv) : cudnn_(cudnn), conv_(conv) {}

  Descriptor make() {
    std::vector<Descriptor> operations;
    const bool before = conv_.residual && conv_.residual_place == ResidualPlace::before_activation;
    const bool after = conv_.residual && conv_.residual_place == ResidualPlace::after_activation;
    int left = 1 + (conv_.bias_f16 ? 1 : 0) + (conv_.residual ? 1 : 0) +
               (conv_.activation != Activation::none ? 1 : 0);
    const auto output = [&] { return --left == 0 ? tensor(id_y, conv_.y) : virtual_tensor(); };

    Descriptor value = output();
    operations.push_back(convolution(value));
    const auto pointwise = [&](cudnnPointwiseMode_t mode, const Descriptor& second) {
      const Descriptor result = output();
      operations.push_back(this->pointwise(mode, value, second, result));
      value = result;
    };
    if (conv_.bias_f16) pointwise(CUDNN_POINTWISE_ADD, bias());
    if (before) pointwise(CUDNN_POINTWISE_ADD, tensor(id_residual, conv_.residual));
    if (conv_.activation != Activation::none) pointwise(mode_of(conv_.activation), nullptr);
    if (after) pointwise(CUDNN_POINTWISE_ADD, tensor(id_residual, conv_.residual));

    std::vector<cudnnBackendDescriptor_t> raw;
    for (const Descriptor& operation : operations) raw.push_back(operation.get());
    const Descriptor graph = cudnn_.create(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    cudnn_.set(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
               std::span<const cudnnBackendDescriptor_t>(raw));
    cudnn_.set_handle(graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE);
    cudnn_.finalize(graph);
    return graph;
  }

 private:
  static cudnnPointwiseMode_t mode_of(Activation activation) {
    switch (activation) {
      case Activation::relu: return CUDNN_POINTWISE_RELU_FWD;
      case Activation::silu: return CUDNN_POINTWISE_SWISH_FWD;
      default: return CUDNN_POINTWISE_SIGMOID_FWD;
    }
  }

  Descriptor tensor_of(std::int64_t id, const Extents& shape, const Extents& strides, cudnnDataType_t type,
                       bool is_virtual) const {
    const Descriptor tensor = cudnn_.create(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    constexpr std::int64_t alignment = 16;
    cudnn_.set(tensor, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type);
    cudnn_.set(tensor, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, std::span<const std::int64_t>(shape));
    cudnn_.set(tensor, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, std::span<const std::int64_t>(strides));
    cudnn_.set(tensor, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, id);
    cudnn_.set(tensor, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, alignment);
    cudnn_.set(tensor, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, is_virtual);
    cudnn_.finalize(tensor);
    return tensor;
  }

  Descriptor tensor(std::int64_t id, const TensorRef& ref) const {
    Extents shape{}, strides{};
    std::copy(ref.shape.begin(), ref.shape.end(), shape.begin());
    std::copy(ref.strides.begin(), ref.strides.end(), strides.begin());
    return tensor_of(id, shape, strides, CUDNN_DATA_HALF, false);
  }

  Descriptor weight() const {
    const Shape& s = conv_.weight.shape;
    return tensor_of(id_weight, {s[0], s[1], s[2], s[3]}, {s[1] * s[2] * s[3], 1, s[1] * s[3], s[1]},
                     CUDNN_DATA_HALF, false);
  }

  Descriptor bias() const {
    const std::int64_t channels = conv_.y.shape[1];
    return tensor_of(id_bias, {1, channels, 1, 1}, {channels, 1, channels, channels}, CUDNN_DATA_HALF, false);
  }

  /// A value between two operations, FP32, never stored.
  Descriptor virtual_tensor() {
    const Shape& s = conv_.y.shape;
    return tensor_of(next_virtual_++, {s[0], s[1], s[2], s[3]}, {s[1] * s[2] * s[3], 1, s[1] * s[3], s[1]},
                     CUDNN_DATA_FLOAT, true);
  }

  Descriptor convolution(const Descriptor& y) const {
    const Descriptor what = cudnn_.create(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    const std::array<std::int64_t, 2> before{conv_.pad[0], conv_.pad[1]}, after{conv_.pad[2], conv_.pad[3]};
    cudnn_.set(what, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
    cudnn_.set(what, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION);
    cudnn_.set(what, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, std::int64_t{2});
    cudnn_.set(what, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64,
               std::span<const std::int64_t>(conv_.dilation));
    cudnn_.set(what, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64,
               std::span<const std::int64_t>(conv_.stride));
    cudnn_.set(what, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64,
               std::span<const std::int64_t>(before));
    cudnn_.set(what, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64,
               std::span<const std::int64_t>(after));
    cudnn_.finalize(what);
    const Descriptor operation = cudnn_.create(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    cudnn_.set(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, what);
    cudnn_.set(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, tensor(id_x, conv_.x));
    cudnn_.set(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, weight());
    cudnn_.set(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y);
    cudnn_.set(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1.0f);
    cudnn_.set(operation, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 0.0f);
    cudnn_.finalize(operation);
    return operation;
  }

  Descriptor pointwise(cudnnPointwiseMode_t mode, const Descriptor& x, const Descriptor& second,
                       const Descriptor& y) const {
    const Descriptor what = cudnn_.create(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    cudnn_.set(what, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
    cudnn_.set(what, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
    if (mode == CUDNN_POINTWISE_SWISH_FWD)
      cudnn_.set(what, CUDNN_ATTR_POINTWISE_SWISH_BETA, CUDNN_TYPE_DOUBLE, 1.0);
    cudnn_.finalize(what);
    const Descriptor operation = cudnn_.create(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    cudnn_.set(operation, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, what);
    cudnn_.set(operation, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (second) cudnn_.set(operation, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, second);
    cudnn_.set(operation, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    cudnn_.finalize(operation);
    return operation;
  }

  const Cudnn& cudnn_;
  const Conv& conv_;
  std::int64_t next_virtual_ = id_first_virtual;
};

/// What the heuristic of one mode proposes, best first; empty where it refuses the graph.
std::vector<Descriptor> propose(const Cudnn& cudnn, const Descriptor& graph, cudnnBackendHeurMode_t mode) {
  const Descriptor heuristic = cudnn.create(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  cudnn.set(heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  cudnn.set(heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
  cudnn.finalize(heuristic);
  return cudnn.get_all(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
}

/// Engine index, then knob and value for every knob: equal for configurations that are the same.
std::vector<std::int64_t> describe(const Cudnn& cudnn, const Descriptor& configuration) {
  const std::vector<Descriptor> engine =
      cudnn.get_all(configuration, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
  std::vector<std::int64_t> description{
      cudnn.get<std::int64_t>(engine.at(0), CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64)};
  std::map<std::int64_t, std::int64_t> knobs;
  for (const Descriptor& knob : cudnn.get_all(configuration, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                              CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, CUDNN_KNOB_TYPE_COUNTS))
    knobs[cudnn.get<cudnnBackendKnobType_t>(knob, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE)] =
        cudnn.get<std::int64_t>(knob, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64);
  for (const auto& [type, value] : knobs) description.insert(description.end(), {type, value});
  return description;
}

struct Proposals {
  std::vector<std::vector<std::int64_t>> descriptions;
  std::vector<Descriptor> configurations;
};

Proposals proposals(const Cudnn& cudnn, const Conv& conv) {
  Proposals all;
  const Descriptor graph = GraphMaker(cudnn, conv).make();
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B}) try {
      for (const Descriptor& configuration : propose(cudnn, graph, mode)) {
        std::vector<std::int64_t> description = describe(cudnn, configuration);
        if (std::find(all.descriptions.begin(), all.descriptions.end(), description) !=
            all.descriptions.end())
          continue;
        all.descriptions.push_back(std::move(description));
        all.configurations.push_back(configuration);
      }
    } catch (const Error& refusal) {
      log::debug(
          fmt::format("cuDNN's heuristic {}: {}", mode == CUDNN_HEUR_MODE_A ? "A" : "B", refusal.sentence()));
    }
  return all;
}

Descriptor build_plan(const Cudnn& cudnn, const Conv& conv, const Tactic& tactic) {
  const Proposals all = proposals(cudnn, conv);
  const auto found = std::find(all.descriptions.begin(), all.descriptions.end(), tactic.parameters);
  if (found == all.descriptions.end())
    throw Error("engine.kernel", "cuDNN no longer proposes the engine that the plan names.");
  const Descriptor plan = cudnn.create(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  cudnn.set_handle(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE);
  cudnn.set(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
            all.configurations[static_cast<std::size_t>(found - all.descriptions.begin())]);
  cudnn.finalize(plan);
  return plan;
}

Descriptor restore_plan(const Cudnn& cudnn, const std::string& payload) {
  const Descriptor plan = cudnn.create(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  cudnn.set(plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
            std::span<const char>(payload));
  cudnn.set_handle(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE);
  cudnn.finalize(plan);
  return plan;
}

/// A plan and the pointers that it ran with last: they change only when the caller's bindings do.
class FusedConv {
 public:
  FusedConv(const Cudnn& cudnn, const Conv& conv, Descriptor plan)
      : cudnn_(cudnn), conv_(conv), plan_(std::move(plan)) {}

  void launch(const Memory& memory, std::byte* workspace, cudaStream_t stream) {
    const Pointers pointers{workspace,
                            memory.at(conv_.x),
                            memory.at(conv_.weight),
                            memory.at(conv_.y),
                            conv_.bias_f16 ? memory.at(conv_.bias_f16) : nullptr,
                            conv_.residual ? memory.at(conv_.residual) : nullptr};
    if (pointers != pointers_) bind(pointers);
    cudnn_.execute(plan_, pack_, stream);
  }

 private:
  /// Workspace, x, weight, y, bias and residual; null where there is none.
  using Pointers = std::array<void*, 6>;

  void bind(const Pointers& pointers) {
    std::vector<void*> tensors;
    std::vector<std::int64_t> ids;
    constexpr std::array<std::int64_t, 5> all_ids{id_x, id_weight, id_y, id_bias, id_residual};
    for (std::size_t i = 0; i < all_ids.size(); ++i)
      if (pointers[i + 1]) tensors.push_back(pointers[i + 1]), ids.push_back(all_ids[i]);
    pack_ = cudnn_.create(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    cudnn_.set(pack_, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
               std::span<void* const>(tensors));
    cudnn_.set(pack_, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64,
               std::span<const std::int64_t>(ids));
    cudnn_.set(pack_, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, pointers[0]);
    cudnn_.finalize(pack_);
    pointers_ = pointers;
  }

  const Cudnn& cudnn_;
  Conv conv_;
  Descriptor plan_, pack_;
  Pointers pointers_{};
};

bool serves(const Conv& conv) {
  if (conv.x.dtype != DType::f16 || conv.groups != 1) return false;
  if (conv.bias && !conv.bias_f16) return false;
  if (is_half_resolution(conv.residual, conv.y)) return false;
  // Tensor-core engines read vectors of 16 bytes; narrower maps belong to the own kernels.
  const auto aligned = [](const TensorRef& map) {
    return !map || (map.offset % 8 == 0 && map.shape[1] % 8 == 0 && map.strides[3] % 8 == 0 &&
                    map.strides[2] % 8 == 0);
  };
  // Its fused engines take what is written for one long row of pixels, whatever the rows' stride says.
  const auto even = [](const TensorRef& map) { return !map || pixel_distance(map) == map.strides[3]; };
  return aligned(conv.x) && aligned(conv.y) && aligned(conv.residual) && even(conv.y) && even(conv.residual);
}

std::vector<Tactic> enumerate_tactics(const Step& step, const Target& target) {
  const auto* conv = std::get_if<Conv>(&step.operation);
  if (!conv || !target.cudnn || !serves(*conv)) return {};
  std::vector<Tactic> tactics;
  try {
    for (std::vector<std::int64_t>& description : proposals(*target.cudnn, *conv).descriptions)
      tactics.push_back(make_tactic(std::move(description)));
  } catch (const Error& refusal) {
    log::debug(fmt::format("{}: no cuDNN engine: {}", step.name, refusal.sentence()));
  }
  return tactics;
}

Launch instantiate(const Step& step, Tactic& tactic, const Target& target) {
  if (!target.cudnn) throw Error("engine.kernel", "The plan uses cuDNN, which is not loaded.");
  const Cudnn& cudnn = *target.cudnn;
  const auto& conv = std::get<Conv>(step.operation);
  const Descriptor plan =
      tactic.payload.empty() ? build_plan(cudnn, conv, tactic) : restore_plan(cudnn, tactic.payload);
  if (tactic.payload.empty())
    tactic.payload = cudnn.get_text(plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
  tactic.workspace_bytes =
      cudnn.get<std::int64_t>(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64);
  const auto fused = std::make_shared<FusedConv>(cudnn, conv, plan);
  return [fused](const Memory& memory, std::byte* workspace, cudaStream_t stream) {
    fused->launch(memory, workspace, stream);
  };
}

}  // namespace

const KernelProvider cudnn_conv_provider{"cudnn", enumerate_tactics, instantiate, PdlMode::implicit};

}  // namespace peregrine::cuda
