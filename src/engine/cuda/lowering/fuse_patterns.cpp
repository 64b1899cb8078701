// Patterns of several steps that one kernel runs: attention, OSNet's gates, SPPF's pools.
#include <algorithm>

#include "engine/cuda/lowering/fusion.h"

namespace peregrine::cuda::lowering {
namespace {

/// The value that a transpose of the last two dimensions swaps.
std::optional<ValueId> swapped(const DraftList& drafts, ValueId value) {
  const Draft* draft = drafts.viewed_by<graph::Transpose>(value);
  if (!draft || !drafts.private_to_one(value)) return std::nullopt;
  if (draft->view_as<graph::Transpose>()->permutation != std::vector<std::int64_t>{0, 1, 3, 2}) return std::nullopt;
  return draft->inputs[0];
}

/// The draft of kind T that makes a value for one reader only.
template <class T>
const Draft* private_step(const DraftList& drafts, ValueId value) {
  return drafts.private_to_one(value) ? drafts.made_by<T>(value) : nullptr;
}

std::optional<float> scalar(const graph::Graph& graph, ValueId value) {
  const Constant& constant = graph.value(value).constant;
  if (!constant || constant->shape().elements() != 1) return std::nullopt;
  return constant->to_f32().as<float>()[0];
}

/// Takes one multiplication or division by a constant off a private value; returns the value below.
ValueId strip_scale(const DraftList& drafts, ValueId value, float& scale, std::vector<const Draft*>& passed) {
  const Draft* draft = private_step<Binary>(drafts, value);
  if (!draft) return value;
  const auto kind = draft->as<Binary>()->kind;
  const auto first = scalar(drafts.graph(), draft->inputs[0]), second = scalar(drafts.graph(), draft->inputs[1]);
  const bool multiplies = kind == graph::Binary::Kind::mul, divides = kind == graph::Binary::Kind::div;
  if (second && (multiplies || divides)) {
    scale = multiplies ? scale * *second : scale / *second;
    passed.push_back(draft);
    return draft->inputs[0];
  }
  if (first && multiplies) {
    scale *= *first;
    passed.push_back(draft);
    return draft->inputs[1];
  }
  return value;
}

std::vector<std::size_t> indices_of(const DraftList& drafts, const std::vector<const Draft*>& list) {
  std::vector<std::size_t> indices;
  indices.reserve(list.size());
  for (const Draft* draft : list) indices.push_back(static_cast<std::size_t>(draft - drafts.drafts().data()));
  return indices;
}

}  // namespace

// v times transposed(softmax(scale * transposed(q) times k)), as C2PSA has it: tokens are columns.
bool fuse_attention(DraftList& drafts, std::size_t index) {
  const graph::Graph& graph = drafts.graph();
  Draft& product = drafts.at(index);
  if (!product.as<MatMul>() || graph.value(product.outputs[0]).shape.rank() != 4) return false;
  const auto weights = swapped(drafts, product.inputs[1]);
  if (!weights) return false;
  const Draft* softmax = private_step<Softmax>(drafts, *weights);
  if (!softmax || softmax->as<Softmax>()->axis != 3) return false;
  float scale = 1;
  std::vector<const Draft*> passed{drafts.viewed_by<graph::Transpose>(product.inputs[1]), softmax};
  const ValueId scores_value = strip_scale(drafts, softmax->inputs[0], scale, passed);
  const Draft* scores = private_step<MatMul>(drafts, scores_value);
  if (!scores) return false;
  passed.push_back(scores);
  const ValueId query = strip_scale(drafts, scores->inputs[0], scale, passed);  // exporters scale the scores, or q
  const auto unscaled = swapped(drafts, query);
  if (!unscaled) return false;
  passed.push_back(drafts.viewed_by<graph::Transpose>(query));
  const ValueId q = strip_scale(drafts, *unscaled, scale, passed);
  const ValueId k = scores->inputs[1], v = product.inputs[0];
  const Shape &q_shape = graph.value(q).shape, &k_shape = graph.value(k).shape, &v_shape = graph.value(v).shape;
  if (!(q_shape == k_shape) || v_shape[0] != q_shape[0] || v_shape[1] != q_shape[1] || v_shape[3] != q_shape[3]) return false;

  Draft merged = product;
  Attention step;
  step.scale = scale;
  merged.operation = step;
  merged.inputs = {q, k, v};
  for (const Draft* draft : passed) take_nodes(merged, *draft);
  drafts.replace(index, std::move(merged), indices_of(drafts, passed));
  return true;
}

// x * sigmoid(fc2(relu(fc1(mean of x))))
bool fuse_gate(DraftList& drafts, std::size_t index) {
  const Draft& product = drafts.at(index);
  const auto* binary = product.as<Binary>();
  if (!binary || binary->kind != graph::Binary::Kind::mul) return false;
  const auto dense = [&](ValueId value, Activation activation) -> const Draft* {
    const Draft* draft = private_step<Conv>(drafts, value);
    if (!draft || draft->as<Conv>()->activation != activation || draft->residual != ValueId::none) return nullptr;
    const Shape& weight = draft->weights[0].weight->shape();
    const Shape& out = drafts.graph().value(value).shape;
    return weight[2] == 1 && weight[3] == 1 && out[2] == 1 && out[3] == 1 && draft->as<Conv>()->groups == 1 ? draft : nullptr;
  };
  for (std::size_t operand : {0, 1}) {
    const ValueId x = product.inputs[1 - operand];
    const Draft* fc2 = dense(product.inputs[operand], Activation::sigmoid);
    const Draft* fc1 = fc2 ? dense(fc2->inputs[0], Activation::relu) : nullptr;
    const Draft* mean = fc1 ? private_step<GlobalAveragePool>(drafts, fc1->inputs[0]) : nullptr;
    if (!mean || mean->inputs[0] != x) continue;
    Draft merged = product;
    merged.operation = GatedSum{};
    merged.inputs = {x};
    merged.weights = {fc1->weights[0], fc2->weights[0]};
    for (const Draft* draft : {mean, fc1, fc2}) take_nodes(merged, *draft);
    drafts.replace(index, std::move(merged), indices_of(drafts, {mean, fc1, fc2}));
    return true;
  }
  return false;
}

// The sum of gated streams that share one gate.
bool fuse_gated_sum(DraftList& drafts, std::size_t index) {
  const Draft& sum = drafts.at(index);
  const auto* binary = sum.as<Binary>();
  if (!binary || binary->kind != graph::Binary::Kind::add) return false;
  const Draft* a = private_step<GatedSum>(drafts, sum.inputs[0]);
  const Draft* b = private_step<GatedSum>(drafts, sum.inputs[1]);
  const auto same = [](const Weights& x, const Weights& y) { return x.weight == y.weight && x.bias == y.bias; };
  if (!a || !b || !same(a->weights[0], b->weights[0]) || !same(a->weights[1], b->weights[1])) return false;
  Draft merged = *a;
  merged.name = sum.name;
  merged.inputs.insert(merged.inputs.end(), b->inputs.begin(), b->inputs.end());
  merged.outputs = sum.outputs;
  take_nodes(merged, *b);
  take_nodes(merged, sum);
  drafts.replace(index, std::move(merged), indices_of(drafts, {a, b}));
  return true;
}

bool fuse_pool_chain(DraftList& drafts, std::size_t index) {
  const auto link = [&](const Draft& draft) -> std::int64_t {  // its kernel, if it may be part of a chain
    if (const auto* chain = draft.as<PoolChain>()) return chain->kernel;
    const auto* pool = draft.as<Pool>();
    if (!pool || pool->kind != graph::Pool::Kind::max || pool->stride != Pair{1, 1}) return 0;
    const std::int64_t kernel = pool->kernel[0], half = kernel / 2;
    const bool keeps_size = kernel % 2 == 1 && pool->kernel[1] == kernel && pool->pad == std::array{half, half, half, half};
    return keeps_size ? kernel : 0;
  };
  const Draft& pool = drafts.at(index);
  if (!pool.as<Pool>() || link(pool) == 0) return false;
  const auto before = drafts.producer(pool.inputs[0]);
  if (!before || link(drafts.at(*before)) != link(pool) || drafts.at(*before).outputs.back() != pool.inputs[0]) return false;
  Draft merged = drafts.at(*before);
  PoolChain chain;
  chain.kernel = link(pool);
  merged.operation = chain;
  merged.outputs.push_back(pool.outputs[0]);
  take_nodes(merged, pool);
  // At the place of the first: others may read its output before the second pool.
  drafts.replace(*before, std::move(merged), {index});
  return true;
}

}  // namespace peregrine::cuda::lowering
