// The cuda engine's execution plan: a model lowered to fused steps over one memory arena, as pure data.
// lowering.h makes it from a graph, the tuner fills in each step's tactic, plan_file.h saves and loads it,
// the executor runs it. No CUDA here: tests run a plan step by step on the CPU.
//
// Memory. Every tensor is a strided view of a buffer. Concat costs nothing: its producers write slices of one
// buffer; split, slice, transpose and most reshapes are views too. Feature maps are stored channels-last
// (NHWC), so that a slice of channels is a view with a pixel stride larger than its channel count.
//
// Padding of channels. A step may see more channels than the model has: a convolution whose output count is
// no multiple of 8 gets rows of zeros in its weights, a reader of it columns of zeros, the image's 3 channels
// are stored as LoweringOptions::input_channels. The shapes in a step are those that the kernel runs; the
// shape of a binding is the model's, its strides tell the truth about the storage. Padding channels hold
// zeros (the input's: whoever allocates it clears it once).
//
// Order. Steps are in topological order and may run one after another. Or side by side: a stream is a
// sequence (a stream), a step starts when its predecessor on the stream and all steps in `waits` are done.
// The first step of a stream without waits starts with the plan; the plan is done when all streams are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "graph/operation.h"
#include "peregrine/precision.h"
#include "peregrine/tensor.h"

namespace peregrine::cuda {

using graph::Pair;

/// Index into ExecutionPlan::buffers.
enum class BufferId : std::int32_t { none = -1 };

struct Buffer {
  enum class Place : std::uint8_t {
    arena,    ///< scratch of the plan; memory is shared by buffers that are never in use together
    weights,  ///< constant, part of the plan
    binding,  ///< given by the caller at every run
  };
  Place place = Place::arena;
  std::int64_t bytes = 0;
  std::int64_t offset = 0;  ///< bytes from the start of arena or weights, a multiple of 256; 0 for a binding
  std::int32_t binding = -1;  ///< index into ExecutionPlan::bindings
  std::string name;           ///< of the value that it was made for

  bool operator==(const Buffer&) const = default;
};

/// A strided view of a buffer. `shape` is logical ([N,C,H,W] for feature maps), `strides` and `offset` count
/// elements; stride 0 repeats (broadcasting). Default-constructed: absent.
struct TensorRef {
  BufferId buffer = BufferId::none;
  DType dtype = DType::f16;
  std::int64_t offset = 0;
  Shape shape;
  Strides strides;

  explicit operator bool() const noexcept { return buffer != BufferId::none; }
  bool operator==(const TensorRef&) const = default;
};

/// [N,C,H,W] with neighbouring channels side by side.
bool channels_last(const TensorRef& tensor) noexcept;

enum class Activation : std::uint8_t { none, relu, silu, sigmoid };
/// Where a residual is added: bottlenecks of YOLO after the activation, blocks of OSNet before it.
enum class ResidualPlace : std::uint8_t { after_activation, before_activation };

/// y = activation(conv(x, weight) + bias), plus `residual` where it says. x, y, residual channels-last;
/// residual has y's shape and may be the very same memory as y, or half y's height and width: then each of
/// its pixels is added to 2x2 of y's. weight [K,C/groups,kh,kw], stored K,kh,kw,C dense.
struct Conv {
  TensorRef x, weight, y;
  TensorRef bias;      ///< [K] f32; absent: none
  TensorRef bias_f16;  ///< the same rounded, for kernels that want one dtype; only in FP16 plans
  TensorRef residual;  ///< absent: none
  ResidualPlace residual_place = ResidualPlace::after_activation;
  Pair stride{1, 1}, dilation{1, 1};
  std::array<std::int64_t, 4> pad{};  ///< top, left, bottom, right
  std::int64_t groups = 1;
  Activation activation = Activation::none;

  bool operator==(const Conv&) const = default;
};

/// Whether a residual is one of half y's height and width.
bool is_half_resolution(const TensorRef& residual, const TensorRef& y) noexcept;

/// Convolution of each channel by itself (groups = C = K). weight [C,1,kh,kw], stored kh,kw,C dense; the rest
/// as in Conv.
struct Depthwise {
  TensorRef x, weight, y, bias, bias_f16, residual;
  ResidualPlace residual_place = ResidualPlace::after_activation;
  Pair stride{1, 1}, dilation{1, 1};
  std::array<std::int64_t, 4> pad{};
  Activation activation = Activation::none;

  bool operator==(const Depthwise&) const = default;
};

/// Two 3x3 convolutions, padded to keep the size, and the sum with what went in: y = x + f(conv(f(conv(x,
/// weight1) + bias1), weight2) + bias2). weight1 [H,C,3,3] and weight2 [C,H,3,3] stored as in Conv, biases
/// f32 or absent. y may not touch x.
struct Bottleneck {
  TensorRef x, weight1, bias1, weight2, bias2, y;
  Activation activation = Activation::silu;

  bool operator==(const Bottleneck&) const = default;
};

/// A depthwise 3x3 convolution, padded to keep the size, and the 1x1 convolution behind it: y =
/// f2(conv(f1(depthwise(x, weight1)
/// + bias1), weight2) + bias2). weight1 [C,1,3,3] and weight2 [K,C,1,1] stored as in Depthwise and Conv,
/// biases f32 or absent. y may not touch x.
struct DepthwisePointwise {
  TensorRef x, weight1, bias1, weight2, bias2, y;
  Activation activation1 = Activation::silu, activation2 = Activation::silu;

  bool operator==(const DepthwisePointwise&) const = default;
};

/// Transposed convolution whose windows do not overlap: stride = kernel, no padding. weight [C,K,kh,kw],
/// stored kh,kw,K,C dense: a matrix a tap; tap (i,j) is a 1x1 convolution onto the pixels (i + kh*h, j +
/// kw*w).
struct ConvTranspose {
  TensorRef x, weight, y, bias, bias_f16;
  Activation activation = Activation::none;

  bool operator==(const ConvTranspose&) const = default;
};

/// y [N,K] = activation(x [N,C] times weight [K,C] transposed + bias [K] f32).
struct Linear {
  TensorRef x, weight, y, bias, bias_f16;
  Activation activation = Activation::none;

  bool operator==(const Linear&) const = default;
};

/// Windows outside of x do not count for a maximum.
struct Pool {
  TensorRef x, y;
  graph::Pool::Kind kind = graph::Pool::Kind::max;
  Pair kernel{1, 1}, stride{1, 1};
  std::array<std::int64_t, 4> pad{};
  bool count_padding = false;

  bool operator==(const Pool&) const = default;
};

/// SPPF: y[0] = max pool of x, y[i] = the same pool of y[i-1]; kernel odd and square, stride 1, padded to
/// keep the size. So y[i] is the maximum over a window of (i+1)*(kernel-1)+1.
struct PoolChain {
  TensorRef x;
  std::vector<TensorRef> y;
  std::int64_t kernel = 5;

  bool operator==(const PoolChain&) const = default;
};

struct Upsample {
  TensorRef x, y;
  graph::Upsample::Kind kind = graph::Upsample::Kind::nearest;
  Pair factor{2, 2};

  bool operator==(const Upsample&) const = default;
};

/// For every head, with a token a pixel: y[:,i] = sum over j of v[:,j] * softmax over j of (scale * q[:,i] .
/// k[:,j]). q, k [N,heads,key dimension,tokens], v, y [N,heads,head dimension,tokens]; the elements of a
/// token lie side by side.
struct Attention {
  TensorRef q, k, v, y;
  float scale = 1;

  bool operator==(const Attention&) const = default;
};

/// OSNet's unified gate: y = sum over i of x[i] * g(x[i]), g(x) = sigmoid(w2 relu(w1 mean(x) + b1) + b2), the
/// mean over H and W. x[i], y [N,C,H,W]; w1 [hidden,C], w2 [C,hidden], dense; b1, b2 f32.
struct GatedSum {
  std::vector<TensorRef> x;
  TensorRef w1, b1, w2, b2, y;
  TensorRef gates;  ///< scratch [number of x, N, C] f32: g(x[i])

  bool operator==(const GatedSum&) const = default;
};

/// y [N,C,1,1]
struct GlobalAveragePool {
  TensorRef x, y;

  bool operator==(const GlobalAveragePool&) const = default;
};

/// Element by element; any shape and strides, as for all steps below.
struct Unary {
  TensorRef x, y;
  graph::Unary::Kind kind = graph::Unary::Kind::relu;

  bool operator==(const Unary&) const = default;
};

/// a and b have y's shape (broadcasting is stride 0).
struct Binary {
  TensorRef a, b, y;
  graph::Binary::Kind kind = graph::Binary::Kind::add;

  bool operator==(const Binary&) const = default;
};

struct Softmax {
  TensorRef x, y;
  std::int64_t axis = 0;  ///< never negative

  bool operator==(const Softmax&) const = default;
};

/// [...,M,K] times [...,K,N]; the outer extents are equal (broadcasting is stride 0).
struct MatMul {
  TensorRef a, b, y;

  bool operator==(const MatMul&) const = default;
};

/// Each channel of each image to mean 0 and variance 1 over H and W, then times scale plus shift ([C] f32).
struct InstanceNorm {
  TensorRef x, scale, shift, y;
  float epsilon = 1e-5f;
  Activation activation = Activation::none;

  bool operator==(const InstanceNorm&) const = default;
};

/// Same shape, other strides or dtype: what could not be a view.
struct Copy {
  TensorRef x, y;

  bool operator==(const Copy&) const = default;
};

using Operation = std::variant<Conv, Depthwise, Bottleneck, DepthwisePointwise, ConvTranspose, Linear, Pool,
                               PoolChain, Upsample, Attention, GatedSum, GlobalAveragePool, Unary, Binary,
                               Softmax, MatMul, InstanceNorm, Copy>;

/// "Conv", "Depthwise", ...
const char* name_of(const Operation& operation);

/// Which kernel runs a step. Made by the tuner; empty candidate: the executor's default for that kind of
/// step.
struct Tactic {
  std::string provider;                  ///< "cudnn", "gemm", "stem", ...
  std::vector<std::int64_t> parameters;  ///< the candidate's own: engine, tile, split
  std::string payload;                   ///< the candidate's own, opaque: cuDNN's serialised execution plan
  std::int64_t workspace_bytes = 0;      ///< scratch beside the arena; steps of one stream share it
  float microseconds = 0;                ///< as measured by the tuner; 0: not measured
  bool honors_pdl_wait =
      false;  ///< a library's kernel that was found to wait for its predecessor (pdl_probe.h)

  bool operator==(const Tactic&) const = default;
};

struct Step {
  std::string name;                ///< unique: the graph node that gives the step its kind
  std::vector<std::string> nodes;  ///< all graph nodes that it computes, `name` included
  Operation operation;
  std::int32_t stream_index = 0;
  std::vector<std::int32_t>
      dependencies;  ///< earlier steps of other streams; the stream's own order is understood
  Tactic tactic;

  bool operator==(const Step&) const = default;
};

/// What the caller hands in and gets out. The view's buffer starts at the caller's pointer; the caller
/// allocates shape[0] * strides[0] elements.
struct PlanBinding {
  std::string name;
  bool is_input = false;
  TensorRef tensor;

  bool operator==(const PlanBinding&) const = default;
};

/// Where a value of the graph lies just after step `step` (later steps may overwrite it); -1: before the
/// first one. Values that a fusion fused are absent. For comparing plans with other engines, tensor by
/// tensor.
struct TracedValue {
  std::string name;
  TensorRef tensor;
  std::int32_t step = -1;

  bool operator==(const TracedValue&) const = default;
};

/// What a plan was made for. Empty texts: not tuned yet, runs anywhere with default tactics.
struct PlanIdentity {
  std::string graph_digest;
  std::string device_name;  ///< "NVIDIA H100 80GB HBM3"
  std::string compute_capability;
  std::string cudnn_version;
  std::string driver_version;

  bool operator==(const PlanIdentity&) const = default;
};

struct ExecutionPlan {
  PlanIdentity identity;
  Precision precision = Precision::fp16;  ///< fp16 (accumulation in FP32) or fp32
  std::int64_t arena_bytes = 0;
  std::int32_t streams = 1;
  std::vector<Buffer> buffers;
  std::vector<PlanBinding> bindings;
  std::vector<Step> steps;
  std::vector<TracedValue> values;
  std::vector<std::byte> weights;

  const Buffer& buffer(BufferId id) const { return buffers.at(static_cast<std::size_t>(id)); }
  bool operator==(const ExecutionPlan&) const = default;
};

/// Tensors that a step reads and writes, absent ones left out. A tensor that is both (scratch) is in
/// `writes`.
struct Accesses {
  std::vector<const TensorRef*> reads, writes;
};
Accesses accesses(const Operation& operation);

/// Text that is equal for two steps exactly when they ask the same of a kernel: kind, attributes, dtypes,
/// shapes, strides and alignment, but neither names nor addresses. The tuner times one of them.
std::string signature(const Step& step);

/// Readable listing: totals, bindings, then a line a step. The same plan gives the same text.
std::string dump(const ExecutionPlan& plan);

}  // namespace peregrine::cuda
