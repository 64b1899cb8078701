// Steps without a window, as plain loops: products, attention, normalisation, element by element.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/reference/plan_arithmetic.h"
#include "engine/reference/plan_executor.h"

namespace peregrine::reference {

using cuda::Activation;
using cuda::TensorRef;

void PlanExecutor::run(const cuda::Linear& step) {
  const Values x = load(step.x), weight = load(step.weight), bias = load_optional(step.bias);
  const Index in = step.x.shape[1], out = step.y.shape[1];
  Values y(at(step.y.shape.elements()));
  for (Index n = 0; n < step.y.shape[0]; ++n)
    for (Index k = 0; k < out; ++k) {
      float sum = bias.empty() ? 0 : bias[at(k)];
      for (Index c = 0; c < in; ++c) sum += x[at(n * in + c)] * weight[at(k * in + c)];
      y[at(n * out + k)] = activate(step.activation, sum);
    }
  store(step.y, y);
}

void PlanExecutor::run(const cuda::Attention& step) {
  const std::array<Index, 4> by_token{0, 1, 3, 2};
  const Values q = load(cuda::transposed(step.q, by_token)), k = load(cuda::transposed(step.k, by_token)),
               v = load(cuda::transposed(step.v, by_token));
  const Index tokens = step.q.shape[3], key = step.q.shape[2], value = step.v.shape[2];
  Values y(v.size());
  for (Index head = 0; head < step.q.shape[0] * step.q.shape[1]; ++head)
    for (Index i = 0; i < tokens; ++i) {
      Values scores(at(tokens));
      float largest = -std::numeric_limits<float>::infinity(), total = 0;
      for (Index j = 0; j < tokens; ++j) {
        for (Index d = 0; d < key; ++d)
          scores[at(j)] += q[at((head * tokens + i) * key + d)] * k[at((head * tokens + j) * key + d)];
        scores[at(j)] *= step.scale;
        largest = std::max(largest, scores[at(j)]);
      }
      for (float& score : scores) total += score = std::exp(score - largest);
      for (Index j = 0; j < tokens; ++j)
        for (Index d = 0; d < value; ++d)
          y[at((head * tokens + i) * value + d)] +=
              scores[at(j)] / total * v[at((head * tokens + j) * value + d)];
    }
  store(cuda::transposed(step.y, by_token), y);
}

void PlanExecutor::run(const cuda::GatedSum& step) {
  const Shape& shape = step.y.shape;
  const Index area = shape[2] * shape[3], channels = shape[1], hidden = step.w1.shape[0];
  const Values w1 = load(step.w1), b1 = load_optional(step.b1), w2 = load(step.w2),
               b2 = load_optional(step.b2);
  Values y(at(shape.elements())), gates;
  for (const TensorRef& stream : step.x) {
    const Values x = load(pixels(stream));
    for (Index n = 0; n < shape[0]; ++n) {
      Values mean(at(channels)), middle(at(hidden));
      for (Index p = 0; p < area; ++p)
        for (Index c = 0; c < channels; ++c)
          mean[at(c)] += x[at((n * area + p) * channels + c)] / static_cast<float>(area);
      for (Index m = 0; m < hidden; ++m) {
        float sum = b1.empty() ? 0 : b1[at(m)];
        for (Index c = 0; c < channels; ++c) sum += w1[at(m * channels + c)] * mean[at(c)];
        middle[at(m)] = std::max(sum, 0.0f);
      }
      for (Index c = 0; c < channels; ++c) {
        float sum = b2.empty() ? 0 : b2[at(c)];
        for (Index m = 0; m < hidden; ++m) sum += w2[at(c * hidden + m)] * middle[at(m)];
        gates.push_back(activate(Activation::sigmoid, sum));
        for (Index p = 0; p < area; ++p)
          y[at((n * area + p) * channels + c)] += gates.back() * x[at((n * area + p) * channels + c)];
      }
    }
  }
  store(step.gates, gates);
  store(pixels(step.y), y);
}

void PlanExecutor::run(const cuda::GlobalAveragePool& step) {
  const Index area = step.x.shape[2] * step.x.shape[3];
  const Values x = load(step.x);
  Values y(at(step.y.shape.elements()));
  for (std::size_t i = 0; i < x.size(); ++i) y[i / at(area)] += x[i] / static_cast<float>(area);
  store(step.y, y);
}

void PlanExecutor::run(const cuda::Unary& step) {
  using Kind = graph::Unary::Kind;
  Values y = load(step.x);
  for (float& x : y) switch (step.kind) {
      case Kind::relu: x = activate(Activation::relu, x); break;
      case Kind::silu: x = activate(Activation::silu, x); break;
      case Kind::sigmoid: x = activate(Activation::sigmoid, x); break;
      case Kind::tanh: x = std::tanh(x); break;
      case Kind::exp: x = std::exp(x); break;
      case Kind::sqrt: x = std::sqrt(x); break;
      case Kind::neg: x = -x; break;
    }
  store(step.y, y);
}

void PlanExecutor::run(const cuda::Binary& step) {
  using Kind = graph::Binary::Kind;
  Values y = load(step.a);
  const Values b = load(step.b);
  for (std::size_t i = 0; i < y.size(); ++i) switch (step.kind) {
      case Kind::add: y[i] += b[i]; break;
      case Kind::sub: y[i] -= b[i]; break;
      case Kind::mul: y[i] *= b[i]; break;
      case Kind::div: y[i] /= b[i]; break;
    }
  store(step.y, y);
}

void PlanExecutor::run(const cuda::Softmax& step) {
  std::vector<Index> order;  // the axis last
  for (Index i = 0; i < static_cast<Index>(step.x.shape.rank()); ++i)
    if (i != step.axis) order.push_back(i);
  order.push_back(step.axis);
  Values y = load(cuda::transposed(step.x, order));
  const auto extent = static_cast<std::ptrdiff_t>(step.x.shape[at(step.axis)]);
  for (auto row = y.begin(); row != y.end(); row += extent) {
    const float largest = *std::max_element(row, row + extent);
    float total = 0;
    std::for_each(row, row + extent, [&](float& x) { total += x = std::exp(x - largest); });
    std::for_each(row, row + extent, [&](float& x) { x /= total; });
  }
  store(cuda::transposed(step.y, order), y);
}

void PlanExecutor::run(const cuda::MatMul& step) {
  const std::size_t rank = step.y.shape.rank();
  const Index m = step.y.shape[rank - 2], n = step.y.shape[rank - 1], k = step.a.shape[rank - 1];
  const Values a = load(step.a), b = load(step.b);
  Values y(at(step.y.shape.elements()));
  for (Index batch = 0; batch < step.y.shape.elements() / (m * n); ++batch)
    for (Index i = 0; i < m; ++i)
      for (Index l = 0; l < k; ++l)
        for (Index j = 0; j < n; ++j)
          y[at((batch * m + i) * n + j)] += a[at((batch * m + i) * k + l)] * b[at((batch * k + l) * n + j)];
  store(step.y, y);
}

void PlanExecutor::run(const cuda::InstanceNorm& step) {
  const Index area = step.x.shape[2] * step.x.shape[3], channels = step.x.shape[1];
  Values y = load(step.x);
  const Values scale = load(step.scale), shift = load(step.shift);
  for (Index map = 0; map < step.x.shape[0] * channels; ++map) {
    double mean = 0, variance = 0;
    const auto first = y.begin() + map * area;
    std::for_each(first, first + area, [&](float x) { mean += x / static_cast<double>(area); });
    std::for_each(first, first + area,
                  [&](float x) { variance += (x - mean) * (x - mean) / static_cast<double>(area); });
    const double factor = scale[at(map % channels)] / std::sqrt(variance + step.epsilon);
    std::for_each(first, first + area, [&](float& x) {
      x = activate(step.activation, static_cast<float>((x - mean) * factor + shift[at(map % channels)]));
    });
  }
  store(step.y, y);
}

void PlanExecutor::run(const cuda::Copy& step) { store(step.y, load(step.x)); }

}  // namespace peregrine::reference
