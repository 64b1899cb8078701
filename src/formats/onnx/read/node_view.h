// One node of an ONNX file: its attributes by name, with the errors that a wrong one deserves.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "formats/onnx/proto.h"

namespace peregrine::onnx {

/// Reads attributes; those that are absent give the default. Throws Error "model.damaged" for one of another
/// type.
class NodeView {
 public:
  explicit NodeView(const pb::NodeProto& proto) : proto_(proto) {}

  const pb::NodeProto& proto() const { return proto_; }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::int64_t integer(std::string_view name, std::int64_t fallback) const;
  std::vector<std::int64_t> integers(std::string_view name, std::vector<std::int64_t> fallback) const;
  std::vector<float> numbers(std::string_view name) const;
  float number(std::string_view name, float fallback) const;
  std::string text(std::string_view name, std::string_view fallback) const;
  std::optional<HostTensor> tensor(std::string_view name) const;

 private:
  const pb::AttributeProto* find(std::string_view name) const;
  const pb::AttributeProto* find(std::string_view name, pb::AttributeProto::AttributeType type) const;

  const pb::NodeProto& proto_;
};

}  // namespace peregrine::onnx
