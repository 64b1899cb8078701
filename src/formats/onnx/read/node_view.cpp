#include "formats/onnx/read/node_view.h"

#include <fmt/format.h>

#include <utility>

#include "formats/onnx/tensors.h"
#include "peregrine/error.h"

namespace peregrine::onnx {

const pb::AttributeProto* NodeView::find(std::string_view name) const {
  for (const pb::AttributeProto& attribute : proto_.attribute())
    if (attribute.name() == name) return &attribute;
  return nullptr;
}

const pb::AttributeProto* NodeView::find(std::string_view name,
                                         pb::AttributeProto::AttributeType type) const {
  const pb::AttributeProto* attribute = find(name);
  // Files from before ONNX 1.0 leave the type out.
  if (attribute && attribute->has_type() && attribute->type() != type)
    throw Error("model.damaged", fmt::format("attribute '{}' is of another type than the operator's", name));
  return attribute;
}

std::int64_t NodeView::integer(std::string_view name, std::int64_t fallback) const {
  const auto* attribute = find(name, pb::AttributeProto::INT);
  return attribute ? attribute->i() : fallback;
}

std::vector<std::int64_t> NodeView::integers(std::string_view name,
                                             std::vector<std::int64_t> fallback) const {
  const auto* attribute = find(name, pb::AttributeProto::INTS);
  if (!attribute) return fallback;
  return {attribute->ints().begin(), attribute->ints().end()};
}

std::vector<float> NodeView::numbers(std::string_view name) const {
  const auto* attribute = find(name, pb::AttributeProto::FLOATS);
  if (!attribute) return {};
  return {attribute->floats().begin(), attribute->floats().end()};
}

float NodeView::number(std::string_view name, float fallback) const {
  const auto* attribute = find(name, pb::AttributeProto::FLOAT);
  return attribute ? attribute->f() : fallback;
}

std::string NodeView::text(std::string_view name, std::string_view fallback) const {
  const auto* attribute = find(name, pb::AttributeProto::STRING);
  return attribute ? attribute->s() : std::string(fallback);
}

std::optional<HostTensor> NodeView::tensor(std::string_view name) const {
  const auto* attribute = find(name, pb::AttributeProto::TENSOR);
  if (!attribute) return std::nullopt;
  return from_proto(attribute->t());
}

}  // namespace peregrine::onnx
