// Patterns of several steps that one kernel runs: attention, OSNet's gates, SPPF's pools.
#include <algorithm>

#include "engine/cuda/lowering/fuse/fusion.h"

namespace peregrine::cuda::lowering {
namespace {

/// The value that a transpose of the last two dimensions swaps.
std::optional<ValueId> swapped(const LoweredOps& ops, ValueId value) {
  const LoweredOp* op = ops.viewed_by<graph::Transpose>(value);
  if (!op || !ops.single_use(value)) return std::nullopt;
  if (op->view_as<graph::Transpose>()->permutation != std::vector<std::int64_t>{0, 1, 3, 2})
    return std::nullopt;
  return op->inputs[0];
}

/// The op of kind T that makes a value for one reader only.
template <class T>
const LoweredOp* private_step(const LoweredOps& ops, ValueId value) {
  return ops.single_use(value) ? ops.made_by<T>(value) : nullptr;
}

std::optional<float> scalar(const graph::Graph& graph, ValueId value) {
  const Constant& constant = graph.value(value).constant;
  if (!constant || constant->shape().elements() != 1) return std::nullopt;
  return constant->to_f32().as<float>()[0];
}

/// Takes one multiplication or division by a constant off a private value; returns the value below.
ValueId strip_scale(const LoweredOps& ops, ValueId value, float& scale,
                    std::vector<const LoweredOp*>& passed) {
  const LoweredOp* op = private_step<Binary>(ops, value);
  if (!op) return value;
  const auto kind = op->as<Binary>()->kind;
  const auto first = scalar(ops.graph(), op->inputs[0]), second = scalar(ops.graph(), op->inputs[1]);
  const bool multiplies = kind == graph::Binary::Kind::mul, divides = kind == graph::Binary::Kind::div;
  if (second && (multiplies || divides)) {
    scale = multiplies ? scale * *second : scale / *second;
    passed.push_back(op);
    return op->inputs[0];
  }
  if (first && multiplies) {
    scale *= *first;
    passed.push_back(op);
    return op->inputs[1];
  }
  return value;
}

std::vector<std::size_t> indices_of(const LoweredOps& ops, const std::vector<const LoweredOp*>& list) {
  std::vector<std::size_t> indices;
  indices.reserve(list.size());
  for (const LoweredOp* op : list) indices.push_back(static_cast<std::size_t>(op - ops.ops().data()));
  return indices;
}

}  // namespace

// v times transposed(softmax(scale * transposed(q) times k)), as C2PSA has it: tokens are columns.
bool fuse_attention(LoweredOps& ops, std::size_t index) {
  const graph::Graph& graph = ops.graph();
  LoweredOp& product = ops.at(index);
  if (!product.as<MatMul>() || graph.value(product.outputs[0]).shape.rank() != 4) return false;
  const auto weights = swapped(ops, product.inputs[1]);
  if (!weights) return false;
  const LoweredOp* softmax = private_step<Softmax>(ops, *weights);
  if (!softmax || softmax->as<Softmax>()->axis != 3) return false;
  float scale = 1;
  std::vector<const LoweredOp*> passed{ops.viewed_by<graph::Transpose>(product.inputs[1]), softmax};
  const ValueId scores_value = strip_scale(ops, softmax->inputs[0], scale, passed);
  const LoweredOp* scores = private_step<MatMul>(ops, scores_value);
  if (!scores) return false;
  passed.push_back(scores);
  const ValueId query =
      strip_scale(ops, scores->inputs[0], scale, passed);  // exporters scale the scores, or q
  const auto unscaled = swapped(ops, query);
  if (!unscaled) return false;
  passed.push_back(ops.viewed_by<graph::Transpose>(query));
  const ValueId q = strip_scale(ops, *unscaled, scale, passed);
  const ValueId k = scores->inputs[1], v = product.inputs[0];
  const Shape &q_shape = graph.value(q).shape, &k_shape = graph.value(k).shape,
              &v_shape = graph.value(v).shape;
  if (!(q_shape == k_shape) || v_shape[0] != q_shape[0] || v_shape[1] != q_shape[1] ||
      v_shape[3] != q_shape[3])
    return false;

  LoweredOp merged = product;
  Attention step;
  step.scale = scale;
  merged.operation = step;
  merged.inputs = {q, k, v};
  for (const LoweredOp* op : passed) take_nodes(merged, *op);
  ops.replace(index, std::move(merged), indices_of(ops, passed));
  return true;
}

// x * sigmoid(fc2(relu(fc1(mean of x))))
bool fuse_gate(LoweredOps& ops, std::size_t index) {
  const LoweredOp& product = ops.at(index);
  const auto* binary = product.as<Binary>();
  if (!binary || binary->kind != graph::Binary::Kind::mul) return false;
  const auto dense = [&](ValueId value, Activation activation) -> const LoweredOp* {
    const LoweredOp* op = private_step<Conv>(ops, value);
    if (!op || op->as<Conv>()->activation != activation || op->residual != ValueId::none) return nullptr;
    const Shape& weight = op->weights[0].weight->shape();
    const Shape& out = ops.graph().value(value).shape;
    return weight[2] == 1 && weight[3] == 1 && out[2] == 1 && out[3] == 1 && op->as<Conv>()->groups == 1
               ? op
               : nullptr;
  };
  for (std::size_t operand : {0, 1}) {
    const ValueId x = product.inputs[1 - operand];
    const LoweredOp* fc2 = dense(product.inputs[operand], Activation::sigmoid);
    const LoweredOp* fc1 = fc2 ? dense(fc2->inputs[0], Activation::relu) : nullptr;
    const LoweredOp* mean = fc1 ? private_step<GlobalAveragePool>(ops, fc1->inputs[0]) : nullptr;
    if (!mean || mean->inputs[0] != x) continue;
    LoweredOp merged = product;
    merged.operation = GatedSum{};
    merged.inputs = {x};
    merged.weights = {fc1->weights[0], fc2->weights[0]};
    for (const LoweredOp* op : {mean, fc1, fc2}) take_nodes(merged, *op);
    ops.replace(index, std::move(merged), indices_of(ops, {mean, fc1, fc2}));
    return true;
  }
  return false;
}

// The sum of gated streams that share one gate.
bool fuse_gated_sum(LoweredOps& ops, std::size_t index) {
  const LoweredOp& sum = ops.at(index);
  const auto* binary = sum.as<Binary>();
  if (!binary || binary->kind != graph::Binary::Kind::add) return false;
  const LoweredOp* a = private_step<GatedSum>(ops, sum.inputs[0]);
  const LoweredOp* b = private_step<GatedSum>(ops, sum.inputs[1]);
  const auto same = [](const Weights& x, const Weights& y) {
    return x.weight == y.weight && x.bias == y.bias;
  };
  if (!a || !b || !same(a->weights[0], b->weights[0]) || !same(a->weights[1], b->weights[1])) return false;
  LoweredOp merged = *a;
  merged.name = sum.name;
  merged.inputs.insert(merged.inputs.end(), b->inputs.begin(), b->inputs.end());
  merged.outputs = sum.outputs;
  take_nodes(merged, *b);
  take_nodes(merged, sum);
  ops.replace(index, std::move(merged), indices_of(ops, {a, b}));
  return true;
}

bool fuse_pool_chain(LoweredOps& ops, std::size_t index) {
  const auto link = [&](const LoweredOp& op) -> std::int64_t {  // its kernel, if it may be part of a chain
    if (const auto* chain = op.as<PoolChain>()) return chain->kernel;
    const auto* pool = op.as<Pool>();
    if (!pool || pool->kind != graph::Pool::Kind::max || pool->stride != Pair{1, 1}) return 0;
    const std::int64_t kernel = pool->kernel[0], half = kernel / 2;
    const bool keeps_size =
        kernel % 2 == 1 && pool->kernel[1] == kernel && pool->pad == std::array{half, half, half, half};
    return keeps_size ? kernel : 0;
  };
  const LoweredOp& pool = ops.at(index);
  if (!pool.as<Pool>() || link(pool) == 0) return false;
  const auto before = ops.producer(pool.inputs[0]);
  if (!before || link(ops.at(*before)) != link(pool) || ops.at(*before).outputs.back() != pool.inputs[0])
    return false;
  LoweredOp merged = ops.at(*before);
  PoolChain chain;
  chain.kernel = link(pool);
  merged.operation = chain;
  merged.outputs.push_back(pool.outputs[0]);
  take_nodes(merged, pool);
  // At the place of the first: others may read its output before the second pool.
  ops.replace(*before, std::move(merged), {index});
  return true;
}

}  // namespace peregrine::cuda::lowering
