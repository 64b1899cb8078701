// The fields of every step in one place: serialisation, listing, access sets and signatures all visit these
// functions, so that a new field or a new step cannot be forgotten by one of them.
//
// A visitor has read(name, tensor or tensors), write(name, tensor or tensors) and attribute(name, value).
#pragma once

#include <concepts>
#include <type_traits>

#include "engine/cuda/plan/plan.h"

namespace peregrine::cuda {

template <class S, class T>
concept Either = std::same_as<std::remove_const_t<S>, T>;  ///< T or const T

void visit_fields(Either<Conv> auto& s, auto&& v) {
  v.read("x", s.x), v.read("weight", s.weight), v.read("bias", s.bias), v.read("bias_f16", s.bias_f16);
  v.read("residual", s.residual), v.write("y", s.y);
  v.attribute("residual_place", s.residual_place), v.attribute("activation", s.activation);
  v.attribute("stride", s.stride), v.attribute("dilation", s.dilation), v.attribute("pad", s.pad);
  v.attribute("groups", s.groups);
}

void visit_fields(Either<Depthwise> auto& s, auto&& v) {
  v.read("x", s.x), v.read("weight", s.weight), v.read("bias", s.bias), v.read("bias_f16", s.bias_f16);
  v.read("residual", s.residual), v.write("y", s.y);
  v.attribute("residual_place", s.residual_place), v.attribute("activation", s.activation);
  v.attribute("stride", s.stride), v.attribute("dilation", s.dilation), v.attribute("pad", s.pad);
}

void visit_fields(Either<Bottleneck> auto& s, auto&& v) {
  v.read("x", s.x), v.read("weight1", s.weight1), v.read("bias1", s.bias1), v.read("weight2", s.weight2);
  v.read("bias2", s.bias2), v.write("y", s.y), v.attribute("activation", s.activation);
}

void visit_fields(Either<DepthwisePointwise> auto& s, auto&& v) {
  v.read("x", s.x), v.read("weight1", s.weight1), v.read("bias1", s.bias1), v.read("weight2", s.weight2);
  v.read("bias2", s.bias2), v.write("y", s.y);
  v.attribute("activation1", s.activation1), v.attribute("activation2", s.activation2);
}

void visit_fields(Either<ConvTranspose> auto& s, auto&& v) {
  v.read("x", s.x), v.read("weight", s.weight), v.read("bias", s.bias), v.read("bias_f16", s.bias_f16),
      v.write("y", s.y);
  v.attribute("activation", s.activation);
}

void visit_fields(Either<Linear> auto& s, auto&& v) {
  v.read("x", s.x), v.read("weight", s.weight), v.read("bias", s.bias), v.read("bias_f16", s.bias_f16),
      v.write("y", s.y);
  v.attribute("activation", s.activation);
}

void visit_fields(Either<Pool> auto& s, auto&& v) {
  v.read("x", s.x), v.write("y", s.y);
  v.attribute("kind", s.kind), v.attribute("kernel", s.kernel), v.attribute("stride", s.stride),
      v.attribute("pad", s.pad);
  v.attribute("count_padding", s.count_padding);
}

void visit_fields(Either<PoolChain> auto& s, auto&& v) {
  v.read("x", s.x), v.write("y", s.y), v.attribute("kernel", s.kernel);
}

void visit_fields(Either<Upsample> auto& s, auto&& v) {
  v.read("x", s.x), v.write("y", s.y), v.attribute("kind", s.kind), v.attribute("factor", s.factor);
}

void visit_fields(Either<Attention> auto& s, auto&& v) {
  v.read("q", s.q), v.read("k", s.k), v.read("v", s.v), v.write("y", s.y), v.attribute("scale", s.scale);
}

void visit_fields(Either<GatedSum> auto& s, auto&& v) {
  v.read("x", s.x), v.read("w1", s.w1), v.read("b1", s.b1), v.read("w2", s.w2), v.read("b2", s.b2);
  v.write("gates", s.gates), v.write("y", s.y);
}

void visit_fields(Either<GlobalAveragePool> auto& s, auto&& v) { v.read("x", s.x), v.write("y", s.y); }

void visit_fields(Either<Unary> auto& s, auto&& v) {
  v.read("x", s.x), v.write("y", s.y), v.attribute("kind", s.kind);
}

void visit_fields(Either<Binary> auto& s, auto&& v) {
  v.read("a", s.a), v.read("b", s.b), v.write("y", s.y), v.attribute("kind", s.kind);
}

void visit_fields(Either<Softmax> auto& s, auto&& v) {
  v.read("x", s.x), v.write("y", s.y), v.attribute("axis", s.axis);
}

void visit_fields(Either<MatMul> auto& s, auto&& v) { v.read("a", s.a), v.read("b", s.b), v.write("y", s.y); }

void visit_fields(Either<InstanceNorm> auto& s, auto&& v) {
  v.read("x", s.x), v.read("scale", s.scale), v.read("shift", s.shift), v.write("y", s.y);
  v.attribute("epsilon", s.epsilon), v.attribute("activation", s.activation);
}

void visit_fields(Either<Copy> auto& s, auto&& v) { v.read("x", s.x), v.write("y", s.y); }

}  // namespace peregrine::cuda
