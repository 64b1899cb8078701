// Every kernel family against the plan's CPU executor: one step, random data, views with strides and offsets, outputs
// that start as NaN. A case is a step's operation over tensors that SingleStep lays out.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "base/cuda/device.h"
#include "base/cuda/memory.h"
#include "base/half.h"
#include "engine/cuda/cudnn.h"
#include "engine/cuda/executor.h"
#include "peregrine/error.h"
#include "plan_executor.h"

namespace peregrine::cuda {

namespace {

/// A plan of one step whose tensors are bindings and weights.
class SingleStep {
 public:
  explicit SingleStep(DType dtype) : dtype_(dtype) { plan_.precision = dtype == DType::f16 ? Precision::fp16 : Precision::fp32; }

  /// A channels-last map inside pixels of `c + extra` channels, starting at channel `extra / 2`.
  TensorRef map(const Shape& nchw, bool is_input, std::int64_t extra = 0) {
    const std::int64_t pixel = nchw[1] + extra;
    TensorRef tensor{.buffer = {},
                     .dtype = dtype_,
                     .offset = extra / 16 * 8,
                     .shape = nchw,
                     .strides = {nchw[2] * nchw[3] * pixel, 1, nchw[3] * pixel, pixel}};
    return bind(std::move(tensor), nchw[0] * nchw[2] * nchw[3] * pixel, is_input);
  }
  TensorRef input(const Shape& nchw, std::int64_t extra = 0) { return map(nchw, true, extra); }
  TensorRef output(const Shape& nchw, std::int64_t extra = 0) { return map(nchw, false, extra); }
  TensorRef dense(const Shape& shape, bool is_input) {
    return bind({.buffer = {}, .dtype = dtype_, .offset = 0, .shape = shape, .strides = dense_strides(shape)}, shape.elements(),
                is_input);
  }

  /// [K,C,kh,kw], stored K,kh,kw,C.
  TensorRef conv_weight(const Shape& s) {
    return weight(s, {s[1] * s[2] * s[3], 1, s[1] * s[3], s[1]}, dtype_, s[1] * s[2] * s[3]);
  }
  /// [C,1,kh,kw], stored kh,kw,C.
  TensorRef depthwise_weight(const Shape& s) { return weight(s, {1, 1, s[3] * s[0], s[0]}, dtype_, s[2] * s[3]); }
  /// [C,K,kh,kw], stored kh,kw,K,C.
  TensorRef transposed_weight(const Shape& s) { return weight(s, {1, s[0], s[3] * s[1] * s[0], s[1] * s[0]}, dtype_, s[0]); }
  TensorRef matrix(const Shape& s) { return weight(s, dense_strides(s), dtype_, s[1]); }
  TensorRef vector(std::int64_t n) { return weight({n}, {1}, DType::f32, 1); }
  /// The same numbers as `bias` in FP16; absent in FP32 plans.
  TensorRef rounded(const TensorRef& bias) {
    if (dtype_ == DType::f32) return {};
    TensorRef copy = weight(bias.shape, {1}, DType::f16, 1);
    const auto* from = reinterpret_cast<const float*>(plan_.weights.data() + plan_.buffer(bias.buffer).offset);
    auto* to = reinterpret_cast<Half*>(plan_.weights.data() + plan_.buffer(copy.buffer).offset);
    for (std::int64_t i = 0; i < bias.shape[0]; ++i) to[i] = to_half(from[i]);
    return copy;
  }
  /// FP32 scratch.
  TensorRef scratch(const Shape& shape) {
    TensorRef tensor{.buffer = next(), .dtype = DType::f32, .offset = 0, .shape = shape, .strides = dense_strides(shape)};
    const std::int64_t bytes = shape.elements() * 4;
    plan_.buffers.push_back(
        {.place = Buffer::Place::arena, .bytes = bytes, .offset = plan_.arena_bytes, .binding = -1, .name = "scratch"});
    plan_.arena_bytes += (bytes + 255) / 256 * 256;
    return tensor;
  }

  ExecutionPlan plan(Operation operation) {
    plan_.steps.push_back(
        {.name = "step", .nodes = {"step"}, .operation = std::move(operation), .lane = 0, .waits = {}, .choice = {}});
    return std::move(plan_);
  }

 private:
  BufferId next() const { return static_cast<BufferId>(plan_.buffers.size()); }

  TensorRef bind(TensorRef tensor, std::int64_t elements, bool is_input) {
    tensor.buffer = next();
    plan_.buffers.push_back({.place = Buffer::Place::binding,
                             .bytes = elements * static_cast<std::int64_t>(size_of(tensor.dtype)),
                             .offset = 0,
                             .binding = static_cast<std::int32_t>(plan_.bindings.size()),
                             .name = {}});
    plan_.bindings.push_back({"tensor" + std::to_string(plan_.bindings.size()), is_input, tensor});
    return tensor;
  }

  TensorRef weight(const Shape& shape, const Strides& strides, DType dtype, std::int64_t fan_in) {
    TensorRef tensor{.buffer = next(), .dtype = dtype, .offset = 0, .shape = shape, .strides = strides};
    const std::size_t offset = plan_.weights.size(), bytes = static_cast<std::size_t>(shape.elements()) * size_of(dtype);
    plan_.weights.resize((offset + bytes + 255) / 256 * 256);
    std::uniform_real_distribution<float> values(-1, 1);
    const float scale = 1.5f / std::sqrt(static_cast<float>(fan_in));
    for (std::int64_t i = 0; i < shape.elements(); ++i) {
      const float value = values(random_) * scale;
      if (dtype == DType::f32)
        reinterpret_cast<float*>(plan_.weights.data() + offset)[i] = value;
      else
        reinterpret_cast<Half*>(plan_.weights.data() + offset)[i] = to_half(value);
    }
    plan_.buffers.push_back({.place = Buffer::Place::weights,
                             .bytes = static_cast<std::int64_t>(bytes),
                             .offset = static_cast<std::int64_t>(offset),
                             .binding = -1,
                             .name = {}});
    return tensor;
  }

  DType dtype_;
  ExecutionPlan plan_;
  std::mt19937 random_{7};
};

struct Case {
  std::string name;
  std::function<Operation(SingleStep&)> make;
};

struct ConvShape {
  std::int64_t n, c, h, w, k, kernel, stride = 1, groups = 1, dilation = 1;
  Activation activation = Activation::silu;
  bool bias = true;
  int residual = 0;        ///< 1: after the activation, 2: before it
  std::int64_t extra = 0;  ///< channels beside those of each map
};

Case conv(std::string name, const ConvShape& s) {
  return {std::move(name), [s](SingleStep& step) -> Operation {
            const std::int64_t pad = s.dilation * (s.kernel / 2);
            const auto out = [&](std::int64_t size) { return (size + 2 * pad - s.dilation * (s.kernel - 1) - 1) / s.stride + 1; };
            const Shape result{s.n, s.k, out(s.h), out(s.w)};
            Conv conv{.x = step.input({s.n, s.c, s.h, s.w}, s.extra),
                      .weight = step.conv_weight({s.k, s.c / s.groups, s.kernel, s.kernel}),
                      .y = step.output(result, s.extra),
                      .bias = {},
                      .bias_f16 = {},
                      .residual = {}};
            if (s.bias) conv.bias = step.vector(s.k), conv.bias_f16 = step.rounded(conv.bias);
            if (s.residual) conv.residual = step.input(result, s.extra);
            conv.residual_place = s.residual == 2 ? ResidualPlace::before_activation : ResidualPlace::after_activation;
            conv.stride = {s.stride, s.stride}, conv.dilation = {s.dilation, s.dilation};
            conv.pad = {pad, pad, pad, pad}, conv.groups = s.groups, conv.activation = s.activation;
            return conv;
          }};
}

Case depthwise(std::string name, std::int64_t channels, std::int64_t kernel, std::int64_t stride, bool residual,
               std::int64_t extra = 0) {
  return {std::move(name), [=](SingleStep& step) -> Operation {
            const std::int64_t h = 13, w = 18, pad = kernel / 2;
            const auto out = [&](std::int64_t size) { return (size + 2 * pad - kernel) / stride + 1; };
            Depthwise conv{.x = step.input({2, channels, h, w}, extra),
                           .weight = step.depthwise_weight({channels, 1, kernel, kernel}),
                           .y = step.output({2, channels, out(h), out(w)}, extra),
                           .bias = step.vector(channels),
                           .bias_f16 = {},
                           .residual = {}};
            conv.bias_f16 = step.rounded(conv.bias);
            if (residual) conv.residual = step.input({2, channels, out(h), out(w)}, extra);
            conv.stride = {stride, stride}, conv.pad = {pad, pad, pad, pad};
            conv.activation = residual ? Activation::none : Activation::silu;
            return conv;
          }};
}

Case pool(std::string name, graph::Pool::Kind kind, std::int64_t kernel, std::int64_t stride, std::int64_t pad, bool count,
          std::int64_t channels) {
  return {std::move(name), [=](SingleStep& step) -> Operation {
            const auto out = [&](std::int64_t size) { return (size + 2 * pad - kernel) / stride + 1; };
            return Pool{.x = step.input({2, channels, 12, 15}, 16),
                        .y = step.output({2, channels, out(12), out(15)}, 16),
                        .kind = kind,
                        .kernel = {kernel, kernel},
                        .stride = {stride, stride},
                        .pad = {pad, pad, pad, pad},
                        .count_padding = count};
          }};
}

Case chain(std::string name, std::int64_t height, std::int64_t width) {
  return {std::move(name), [=](SingleStep& step) -> Operation {
            PoolChain chain{.x = step.input({2, 32, height, width}, 16), .y = {}};
            for (int i = 0; i < 3; ++i) chain.y.push_back(step.output({2, 32, height, width}, 16));
            return chain;
          }};
}

Case attention(std::string name, std::int64_t n, std::int64_t heads, std::int64_t key, std::int64_t value, std::int64_t tokens) {
  return {std::move(name), [=](SingleStep& step) -> Operation {
            const std::int64_t pixel = heads * (2 * key + value);
            const TensorRef all = step.input({n, pixel, 1, tokens});
            const auto part = [&](std::int64_t offset, std::int64_t dimension) {
              TensorRef part = all;
              part.offset = offset;
              part.shape = {n, heads, dimension, tokens};
              part.strides = {tokens * pixel, dimension, 1, pixel};
              return part;
            };
            TensorRef y = step.output({n, heads * value, 1, tokens});
            y.shape = {n, heads, value, tokens};
            y.strides = {tokens * heads * value, value, 1, heads * value};
            return Attention{.q = part(0, key),
                             .k = part(heads * key, key),
                             .v = part(2 * heads * key, value),
                             .y = y,
                             .scale = 1 / std::sqrt(static_cast<float>(key))};
          }};
}

std::vector<Case> cases() {
  using P = graph::Pool::Kind;
  std::vector<Case> all{
      conv("conv_1x1", {.n = 1, .c = 64, .h = 20, .w = 20, .k = 64, .kernel = 1}),
      conv("conv_1x1_slices", {.n = 2, .c = 48, .h = 13, .w = 11, .k = 80, .kernel = 1, .extra = 48}),
      conv("conv_1x1_linear", {.n = 1, .c = 64, .h = 20, .w = 20, .k = 80, .kernel = 1, .activation = Activation::none}),
      conv("conv_1x1_deep", {.n = 1, .c = 1024, .h = 20, .w = 20, .k = 128, .kernel = 1}),
      conv("conv_1x1_wide", {.n = 2, .c = 128, .h = 40, .w = 40, .k = 384, .kernel = 1}),
      conv("conv_3x3", {.n = 1, .c = 64, .h = 20, .w = 20, .k = 64, .kernel = 3}),
      conv("conv_3x3_residual", {.n = 2, .c = 32, .h = 17, .w = 23, .k = 32, .kernel = 3, .residual = 1, .extra = 16}),
      conv("conv_3x3_deep", {.n = 1, .c = 256, .h = 20, .w = 20, .k = 64, .kernel = 3}),
      conv("conv_3x3_narrow", {.n = 1, .c = 8, .h = 40, .w = 40, .k = 16, .kernel = 3, .residual = 1}),
      conv("conv_3x3_to_8", {.n = 1, .c = 16, .h = 40, .w = 40, .k = 8, .kernel = 3}),
      conv("conv_3x3_strided", {.n = 2, .c = 32, .h = 33, .w = 31, .k = 48, .kernel = 3, .stride = 2}),
      conv("conv_3x3_dilated", {.n = 1, .c = 16, .h = 19, .w = 19, .k = 24, .kernel = 3, .dilation = 2}),
      conv("conv_3x3_batch", {.n = 5, .c = 64, .h = 40, .w = 40, .k = 128, .kernel = 3}),
      conv("conv_relu_before",
           {.n = 2, .c = 64, .h = 16, .w = 8, .k = 64, .kernel = 1, .activation = Activation::relu, .residual = 2}),
      conv("conv_sigmoid", {.n = 1, .c = 32, .h = 9, .w = 9, .k = 32, .kernel = 1, .activation = Activation::sigmoid}),
      conv("conv_no_bias", {.n = 1, .c = 32, .h = 9, .w = 9, .k = 32, .kernel = 3, .bias = false}),
      conv("conv_groups", {.n = 1, .c = 32, .h = 12, .w = 12, .k = 48, .kernel = 3, .groups = 4}),
      conv("conv_odd_channels", {.n = 1, .c = 5, .h = 12, .w = 12, .k = 7, .kernel = 3}),
      conv("conv_one_pixel", {.n = 3, .c = 64, .h = 1, .w = 1, .k = 32, .kernel = 1}),
  };
  for (const std::int64_t channels : {16, 32, 48, 64, 80, 96})
    all.push_back(conv("stem_3x3_" + std::to_string(channels),
                       {.n = 2, .c = 4, .h = 37, .w = 141, .k = channels, .kernel = 3, .stride = 2}));
  for (const std::int64_t channels : {16, 32, 48, 64})
    all.push_back(
        conv("stem_7x7_" + std::to_string(channels),
             {.n = 2, .c = 4, .h = 36, .w = 140, .k = channels, .kernel = 7, .stride = 2, .activation = Activation::relu}));
  all.insert(all.end(),
             {depthwise("depthwise_3x3", 64, 3, 1, false, 16), depthwise("depthwise_3x3_strided", 40, 3, 2, false),
              depthwise("depthwise_3x3_residual", 64, 3, 1, true), depthwise("depthwise_5x5", 16, 5, 1, false),
              depthwise("depthwise_odd", 13, 3, 1, false), pool("pool_max", P::max, 3, 2, 1, false, 32),
              pool("pool_average", P::average, 2, 2, 0, false, 32), pool("pool_average_padded", P::average, 3, 1, 1, false, 16),
              pool("pool_average_counted", P::average, 3, 1, 1, true, 16), pool("pool_odd", P::max, 5, 1, 2, false, 7),
              chain("chain_small", 9, 12), chain("chain_20", 20, 20), chain("chain_too_large", 80, 80),
              attention("attention_400", 1, 2, 32, 64, 400), attention("attention_batch", 3, 4, 32, 64, 100),
              attention("attention_odd", 1, 2, 24, 40, 37)});
  all.push_back({"transposed", [](SingleStep& step) -> Operation {
                   ConvTranspose conv{.x = step.input({2, 64, 10, 12}),
                                      .weight = step.transposed_weight({64, 48, 2, 2}),
                                      .y = step.output({2, 48, 20, 24}, 16),
                                      .bias = step.vector(48),
                                      .bias_f16 = {}};
                   conv.bias_f16 = step.rounded(conv.bias);
                   return conv;
                 }});
  for (const auto kind : {graph::Upsample::Kind::nearest, graph::Upsample::Kind::bilinear})
    all.push_back(
        {kind == graph::Upsample::Kind::nearest ? "upsample_nearest" : "upsample_bilinear",
         [kind](SingleStep& step) -> Operation {
           return Upsample{.x = step.input({2, 24, 7, 9}), .y = step.output({2, 24, 14, 18}, 16), .kind = kind, .factor = {2, 2}};
         }});
  all.push_back({"linear", [](SingleStep& step) -> Operation {
                   Linear linear{.x = step.dense({5, 96}, true),
                                 .weight = step.matrix({40, 96}),
                                 .y = step.dense({5, 40}, false),
                                 .bias = step.vector(40),
                                 .bias_f16 = {}};
                   linear.bias_f16 = step.rounded(linear.bias), linear.activation = Activation::relu;
                   return linear;
                 }});
  all.push_back(
      {"gate", [](SingleStep& step) -> Operation {
         GatedSum gate{};
         for (int i = 0; i < 4; ++i) gate.x.push_back(step.input({2, 64, 16, 8}));
         gate.w1 = step.matrix({4, 64}), gate.b1 = step.vector(4), gate.w2 = step.matrix({64, 4}), gate.b2 = step.vector(64);
         gate.y = step.output({2, 64, 16, 8}), gate.gates = step.scratch({4, 2, 64});
         return gate;
       }});
  all.push_back({"global_pool", [](SingleStep& step) -> Operation {
                   return GlobalAveragePool{.x = step.input({3, 72, 16, 8}), .y = step.output({3, 72, 1, 1})};
                 }});
  all.push_back(
      {"unary", [](SingleStep& step) -> Operation {
         return Unary{.x = step.input({2, 13, 5, 6}), .y = step.output({2, 13, 5, 6}, 16), .kind = graph::Unary::Kind::tanh};
       }});
  all.push_back(
      {"binary_broadcast", [](SingleStep& step) -> Operation {
         TensorRef b = step.input({2, 16, 1, 1});
         b.shape = {2, 16, 5, 6}, b.strides = {16, 1, 0, 0};
         return Binary{.a = step.input({2, 16, 5, 6}), .b = b, .y = step.output({2, 16, 5, 6}), .kind = graph::Binary::Kind::mul};
       }});
  all.push_back({"softmax", [](SingleStep& step) -> Operation {
                   return Softmax{.x = step.dense({3, 40, 50}, true), .y = step.dense({3, 40, 50}, false), .axis = 1};
                 }});
  all.push_back({"matmul", [](SingleStep& step) -> Operation {
                   return MatMul{.a = step.dense({2, 3, 20, 33}, true),
                                 .b = step.dense({2, 3, 33, 17}, true),
                                 .y = step.dense({2, 3, 20, 17}, false)};
                 }});
  all.push_back({"instance_norm", [](SingleStep& step) -> Operation {
                   return InstanceNorm{.x = step.input({2, 40, 9, 7}),
                                       .scale = step.vector(40),
                                       .shift = step.vector(40),
                                       .y = step.output({2, 40, 9, 7}, 16),
                                       .activation = Activation::relu};
                 }});
  all.push_back({"copy", [](SingleStep& step) -> Operation {
                   return Copy{.x = step.input({2, 24, 5, 6}, 16), .y = step.dense({2, 24, 5, 6}, false)};
                 }});
  return all;
}

class Kernel : public testing::TestWithParam<std::tuple<Case, DType>> {
 protected:
  void SetUp() override {
    if (device_count() == 0) GTEST_SKIP() << "skipped: no CUDA device";
    target_.device = device_facts(0);
    static Cudnn* const cudnn = [] {
      try {
        return new Cudnn();  // lives as long as the program: cuDNN takes a second to start
      } catch (const Error&) {
        return static_cast<Cudnn*>(nullptr);
      }
    }();
    target_.cudnn = cudnn;
  }

  Target target_;
};

HostTensor random_values(const Shape& shape, unsigned seed) {
  HostTensor tensor(DType::f32, shape);
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> values(-2, 2);
  for (std::int64_t i = 0; i < shape.elements(); ++i) tensor.as<float>()[i] = values(random);
  return tensor;
}

/// Writes a dense FP32 tensor into the bytes of a binding.
template <class F>
void for_each(const TensorRef& tensor, F&& visit, std::size_t axis = 0, std::int64_t offset = 0) {
  if (axis == tensor.shape.rank()) return visit(offset);
  for (std::int64_t i = 0; i < tensor.shape[axis]; ++i) for_each(tensor, visit, axis + 1, offset + i * tensor.strides[axis]);
}

void write(std::vector<std::byte>& bytes, const TensorRef& tensor, const HostTensor& values) {
  const float* from = values.as<float>();
  for_each(tensor, [&](std::int64_t at) {
    if (tensor.dtype == DType::f32)
      reinterpret_cast<float*>(bytes.data())[tensor.offset + at] = *from++;
    else
      reinterpret_cast<Half*>(bytes.data())[tensor.offset + at] = to_half(*from++);
  });
}

constexpr std::byte untouched{0xff};

/// Runs the plan once; returns the bytes of all bindings afterwards.
std::vector<std::vector<std::byte>> run_on_device(const ExecutionPlan& plan, const std::vector<HostTensor>& inputs,
                                                  const Target& target) {
  Executor executor(plan, target);
  const Stream stream = Stream::create();
  std::vector<std::vector<std::byte>> host;
  std::vector<DeviceBuffer> device;
  std::vector<void*> pointers;
  for (std::size_t i = 0; i < plan.bindings.size(); ++i) {
    const PlanBinding& binding = plan.bindings[i];
    host.emplace_back(static_cast<std::size_t>(plan.buffer(binding.tensor.buffer).bytes),
                      binding.is_input ? std::byte{0} : untouched);
    if (binding.is_input) write(host.back(), binding.tensor, inputs[i]);
    device.emplace_back(host.back().size(), "a test");
    copy_to_device("test", device.back().data(), host.back().data(), host.back().size(), stream.get());
    pointers.push_back(device.back().data());
  }
  executor.enqueue(pointers, stream.get());
  for (std::size_t i = 0; i < host.size(); ++i)
    copy_to_host("test", host[i].data(), device[i].data(), host[i].size(), stream.get());
  stream.synchronize();
  return host;
}

void expect_result(const TensorRef& tensor, std::vector<std::byte> bytes, const HostTensor& expected, double tolerance) {
  double scale = 1e-3, worst = 0;
  for (std::int64_t i = 0; i < expected.shape().elements(); ++i)
    scale = std::max(scale, double{std::abs(expected.as<float>()[i])});
  const float* wanted = expected.as<float>();
  std::int64_t not_finite = 0;
  const std::size_t size = size_of(tensor.dtype);
  for_each(tensor, [&](std::int64_t at) {
    std::byte* element = bytes.data() + static_cast<std::size_t>(tensor.offset + at) * size;
    const double value =
        tensor.dtype == DType::f32 ? *reinterpret_cast<float*>(element) : to_float(*reinterpret_cast<Half*>(element));
    if (!std::isfinite(value))
      ++not_finite;
    else
      worst = std::max(worst, std::abs(value - *wanted));
    ++wanted;
    std::fill_n(element, size, untouched);
  });
  EXPECT_EQ(not_finite, 0) << "elements not finite or never written";
  EXPECT_LE(worst, tolerance * scale) << "largest value " << scale;
  EXPECT_TRUE(std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == untouched; })) << "wrote beside its output";
}

TEST_P(Kernel, EveryCandidateAgreesWithTheCpu) {
  const auto& [test, dtype] = GetParam();
  SingleStep maker(dtype);
  Operation operation = test.make(maker);
  const ExecutionPlan plan = maker.plan(std::move(operation));
  test::PlanExecutor reference(plan);
  std::vector<HostTensor> inputs;
  for (std::size_t i = 0; i < plan.bindings.size(); ++i) {
    inputs.push_back(random_values(plan.bindings[i].tensor.shape, static_cast<unsigned>(i)));
    if (plan.bindings[i].is_input) reference.set_input(plan.bindings[i].name, inputs.back());
  }
  reference.run();
  const std::vector<Choice> choices = candidates(plan.steps[0], target_);
  ASSERT_FALSE(choices.empty());
  const double tolerance = dtype == DType::f16 ? 2e-3 : 2e-5;
  // cuDNN proposes engines that it then refuses to build: that is no failure, one that computes something else is.
  // Of its dozens of engines a few will do here; the tuner checks each that it keeps.
  int ran = 0, of_cudnn = 0;
  for (const Choice& choice : choices) {
    if (choice.candidate == "cudnn" && ++of_cudnn > 6) continue;
    SCOPED_TRACE(testing::Message() << choice.candidate << " " << testing::PrintToString(choice.parameters));
    ExecutionPlan chosen = plan;
    chosen.steps[0].choice = choice;
    std::vector<std::vector<std::byte>> result;
    try {
      result = run_on_device(chosen, inputs, target_);
      ++ran;
    } catch (const Error& error) {
      if (error.code() != "engine.kernel" || choice.candidate != "cudnn") ADD_FAILURE() << error.what();
      continue;
    }
    for (std::size_t i = 0; i < plan.bindings.size(); ++i)
      if (!plan.bindings[i].is_input)
        expect_result(plan.bindings[i].tensor, result[i], reference.output(plan.bindings[i].name), tolerance);
  }
  EXPECT_GT(ran, 0);
}

INSTANTIATE_TEST_SUITE_P(Families, Kernel, testing::Combine(testing::ValuesIn(cases()), testing::Values(DType::f16, DType::f32)),
                         [](const auto& info) {
                           return std::get<0>(info.param).name + (std::get<1>(info.param) == DType::f16 ? "_fp16" : "_fp32");
                         });

}  // namespace
}  // namespace peregrine::cuda
