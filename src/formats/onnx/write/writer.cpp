#include "formats/onnx/write/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <set>
#include <utility>
#include <vector>

#include "core/half.h"
#include "formats/onnx/proto.h"
#include "formats/onnx/tensors.h"
#include "peregrine/error.h"
#include "peregrine/version.h"

namespace peregrine::onnx {

namespace {

using graph::Node;
using graph::ValueId;
using Index = std::int64_t;
using Integers = std::vector<Index>;

HostTensor to_f16(const HostTensor& tensor, const std::string& name) {
  HostTensor halves(DType::f16, tensor.shape());
  for (Index i = 0; i < tensor.shape().elements(); ++i) {
    const float value = tensor.as<float>()[i];
    halves.as<Half>()[i] = to_half(value);
    if (std::isfinite(value) && !std::isfinite(to_float(halves.as<Half>()[i])))
      throw Error("model.precision", fmt::format("'{}' holds {}, which FP16 cannot", name, value),
                  "Export in FP32.");
  }
  return halves;
}

class Writer {
 public:
  Writer(const graph::Graph& graph, const WriteOptions& options)
      : graph_(graph), options_(options), names_(graph.value_count()) {
    batch_ = graph.value(graph.inputs().front()).shape[0];
  }

  pb::ModelProto write() {
    model_.set_ir_version(8);
    model_.set_producer_name("peregrine");
    model_.set_producer_version(version);
    model_.add_opset_import()->set_version(17);
    file().set_name("peregrine");
    name_outputs();
    for (const ValueId id : graph_.inputs()) describe(*file().add_input(), id, name_of(id));
    for (const Node& node : graph_.nodes()) {
      node_ = &node;
      std::visit([&](const auto& operation) { lower(operation); }, node.operation);
    }
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i)
      write_output(graph_.outputs()[i], graph_.output_names()[i]);
    for (const auto& [key, text] : options_.metadata) {
      pb::StringStringEntryProto& entry = *model_.add_metadata_props();
      entry.set_key(key);
      entry.set_value(text);
    }
    return std::move(model_);
  }

 private:
  pb::GraphProto& file() { return *model_.mutable_graph(); }
  const Shape& shape(ValueId id) const { return graph_.value(id).shape; }
  const Shape& input_shape() const { return shape(node_->inputs[0]); }

  /// A tensor name that nothing else has.
  std::string fresh(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 2; !taken_.insert(name).second; ++i) name = fmt::format("{}#{}", wanted, i);
    return name;
  }

  /// In ONNX a graph's output is called as the tensor: these names go first, but to what is FP32 and has to
  /// be cast.
  void name_outputs() {
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i) {
      taken_.insert(graph_.output_names()[i]);
      std::string& name = names_[static_cast<std::size_t>(graph_.outputs()[i])];
      if (name.empty() && made_as(graph_.outputs()[i]) == options_.precision) name = graph_.output_names()[i];
    }
  }

  DType type_of(const Node& node) const {
    return options_.single.contains(node.name) ? DType::f32 : options_.precision;
  }
  DType made_as(ValueId id) const {
    const Node* producer = graph_.producer(id);
    return producer ? type_of(*producer) : options_.precision;
  }

  /// Of a value, as its node makes it.
  const std::string& name_of(ValueId id) {
    std::string& name = names_[static_cast<std::size_t>(id)];
    if (name.empty()) name = fresh(graph_.value(id).name);
    return name;
  }

  /// Of a value as an operand of a type: a constant is written, and what was made in another type is cast,
  /// when it is first needed so.
  const std::string& operand(ValueId id, DType type) {
    const graph::Value& value = graph_.value(id);
    if (!value.constant && made_as(id) == type) return name_of(id);
    std::string& name = operands_[{id, type}];
    if (!name.empty()) return name;
    if (!value.constant)
      return name = cast(name_of(id), type, type == DType::f32 ? node_->name : graph_.producer(id)->name);
    name = fresh(type == options_.precision ? value.name : node_->name + ".f32");
    *file().add_initializer() =
        to_proto(name, type == DType::f16 ? to_f16(*value.constant, name) : value.constant->clone());
    return name;
  }
  const std::string& input(std::size_t i) { return operand(node_->inputs[i], type_of(*node_)); }

  /// "NODE.to_f32", the name of the node and of what it makes.
  std::string cast(const std::string& from, DType to, const std::string& node) {
    const bool to_half = to == DType::f16;
    std::string name = fresh(node + (to_half ? ".to_f16" : ".to_f32"));
    add_cast(from, name, name, to);
    return name;
  }
  void add_cast(const std::string& from, const std::string& to, const std::string& name, DType type) {
    pb::NodeProto& proto = *file().add_node();
    proto.set_op_type("Cast");
    proto.set_name(name);
    proto.add_input(from);
    proto.add_output(to);
    set(proto, "to", Index{type == DType::f16 ? pb::TensorProto::FLOAT16 : pb::TensorProto::FLOAT});
  }

  void describe(pb::ValueInfoProto& info, ValueId id, const std::string& name) {
    info.set_name(name);
    pb::TypeProto::Tensor& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(options_.precision == DType::f16 ? pb::TensorProto::FLOAT16 : pb::TensorProto::FLOAT);
    for (std::size_t i = 0; i < shape(id).rank(); ++i) {
      pb::TensorShapeProto::Dimension& dimension = *type.mutable_shape()->add_dim();
      if (options_.open_batch && i == 0)
        dimension.set_dim_param("batch");
      else
        dimension.set_dim_value(shape(id)[i]);
    }
  }

  void write_output(ValueId id, const std::string& name) {
    if (made_as(id) != options_.precision) {
      add_cast(name_of(id), name, graph_.producer(id)->name + ".to_f16", options_.precision);
    } else if (name_of(id) != name) {  // a value that is an output twice
      pb::NodeProto& copy = *file().add_node();
      copy.set_op_type("Identity");
      copy.set_name(name);
      copy.add_input(name_of(id));
      copy.add_output(name);
    }
    describe(*file().add_output(), id, name);
  }

  /// Appends a node with all inputs and outputs of the graph's node.
  pb::NodeProto& add(const std::string& type, std::size_t inputs) {
    // Inputs first: naming a constant writes it.
    std::vector<std::string> names;
    for (std::size_t i = 0; i < inputs; ++i) names.push_back(input(i));
    pb::NodeProto& proto = *file().add_node();
    proto.set_op_type(type);
    proto.set_name(node_->name);
    if (const auto kept = options_.single.find(node_->name); kept != options_.single.end())
      proto.set_doc_string("in FP32: " + kept->second);
    for (std::string& name : names) proto.add_input(std::move(name));
    for (const ValueId output : node_->outputs) proto.add_output(name_of(output));
    return proto;
  }
  pb::NodeProto& add(const std::string& type) { return add(type, node_->inputs.size()); }

  static pb::AttributeProto& attribute(pb::NodeProto& proto, const char* name,
                                       pb::AttributeProto::AttributeType type) {
    pb::AttributeProto& attribute = *proto.add_attribute();
    attribute.set_name(name);
    attribute.set_type(type);
    return attribute;
  }
  static void set(pb::NodeProto& proto, const char* name, Index value) {
    attribute(proto, name, pb::AttributeProto::INT).set_i(value);
  }
  static void set(pb::NodeProto& proto, const char* name, float value) {
    attribute(proto, name, pb::AttributeProto::FLOAT).set_f(value);
  }
  static void set(pb::NodeProto& proto, const char* name, const char* value) {
    attribute(proto, name, pb::AttributeProto::STRING).set_s(value);
  }
  template <class Range>
  static void set_all(pb::NodeProto& proto, const char* name, const Range& values) {
    pb::AttributeProto& target = attribute(proto, name, pb::AttributeProto::INTS);
    for (const Index value : values) target.add_ints(value);
  }

  /// A constant that an operator takes as an input; `purpose` completes its name.
  std::string parameter(const char* purpose, const HostTensor& tensor) {
    std::string name = fresh(fmt::format("{}.{}", node_->name, purpose));
    *file().add_initializer() = to_proto(name, tensor);
    return name;
  }
  std::string parameter(const char* purpose, const Integers& values) {
    HostTensor tensor(DType::i64, {static_cast<Index>(values.size())});
    std::ranges::copy(values, tensor.as<Index>());
    return parameter(purpose, tensor);
  }

  [[noreturn]] void refuse_open_batch() const {
    throw Error("model.unsupported",
                fmt::format("node '{}' mixes the images of a batch, which is to be left open", node_->name),
                "Export with a fixed batch.");
  }
  /// Whether the images of the batch are what it holds one after another, each as so many rows.
  bool has_images_in_front(ValueId id) const {
    const Shape& s = shape(id);
    const auto counts_images = [&](Index extent) { return extent % batch_ == 0; };
    return s.rank() > 0 && counts_images(s[0]) && std::none_of(s.begin() + 1, s.end(), counts_images);
  }

  /// A constant that was repeated for each image would hold the file to so many.
  void require_no_constant_per_image() const {
    if (!options_.open_batch) return;
    const std::size_t rank = shape(node_->outputs[0]).rank();
    for (const ValueId id : node_->inputs)
      if (graph_.value(id).constant && shape(id).rank() == rank && shape(id)[0] % batch_ == 0)
        throw Error(
            "model.unsupported",
            fmt::format("node '{}' takes a constant for each image of a batch, which is to be left open",
                        node_->name),
            "Export with a fixed batch.");
  }

  void lower(const graph::Conv& op) {
    const Shape& weight = shape(node_->inputs[1]);
    pb::NodeProto& proto = add("Conv");
    set_all(proto, "dilations", op.dilation);
    set(proto, "group", op.groups);
    set_all(proto, "kernel_shape", Integers{weight[2], weight[3]});
    set_all(proto, "pads", op.pad);
    set_all(proto, "strides", op.stride);
  }

  void lower(const graph::ConvTranspose& op) {
    const Shape& weight = shape(node_->inputs[1]);
    pb::NodeProto& proto = add("ConvTranspose");
    set(proto, "group", op.groups);
    set_all(proto, "kernel_shape", Integers{weight[2], weight[3]});
    set_all(proto, "output_padding", op.output_pad);
    set_all(proto, "pads", op.pad);
    set_all(proto, "strides", op.stride);
  }

  void lower(const graph::Linear&) { set(add("Gemm"), "transB", Index{1}); }
  void lower(const graph::BatchNorm& op) { set(add("BatchNormalization"), "epsilon", op.epsilon); }
  void lower(const graph::InstanceNorm& op) { set(add("InstanceNormalization"), "epsilon", op.epsilon); }
  void lower(const graph::Binary&) {
    require_no_constant_per_image();
    add(std::string(graph::name_of(node_->operation)));
  }
  void lower(const graph::MatMul&) {
    require_no_constant_per_image();
    add("MatMul");
  }
  void lower(const graph::GlobalAveragePool&) { add("GlobalAveragePool"); }
  void lower(const graph::Softmax& op) { set(add("Softmax"), "axis", op.axis); }
  void lower(const graph::Transpose& op) { set_all(add("Transpose"), "perm", op.permutation); }

  void lower(const graph::Unary& op) {
    if (op.kind != graph::Unary::Kind::silu) {
      add(std::string(graph::name_of(node_->operation)));
      return;
    }
    const std::string x = input(0);
    const std::string sigmoid = fresh(node_->name + ".sigmoid");
    pb::NodeProto& inner = *file().add_node();
    inner.set_op_type("Sigmoid");
    inner.set_name(sigmoid);
    inner.add_input(x);
    inner.add_output(sigmoid);
    add("Mul").add_input(sigmoid);
  }

  void lower(const graph::Concat& op) {
    if (options_.open_batch && op.axis == 0) refuse_open_batch();
    require_no_constant_per_image();
    set(add("Concat"), "axis", op.axis);
  }

  void lower(const graph::Split& op) {
    if (options_.open_batch && op.axis == 0) refuse_open_batch();
    const std::string sizes = parameter("sizes", op.sizes);
    pb::NodeProto& proto = add("Split");
    proto.add_input(sizes);
    set(proto, "axis", op.axis);
  }

  void lower(const graph::Slice& op) {
    if (options_.open_batch && op.axis == 0) refuse_open_batch();
    const std::string bounds[] = {parameter("start", Integers{op.start}), parameter("end", Integers{op.end}),
                                  parameter("axis", Integers{op.axis}), parameter("step", Integers{op.step})};
    pb::NodeProto& proto = add("Slice");
    for (const std::string& bound : bounds) proto.add_input(bound);
  }

  void lower(const graph::Reshape& op) {
    Integers extents(op.shape.begin(), op.shape.end());
    if (options_.open_batch) {
      if (!has_images_in_front(node_->inputs[0]) || !has_images_in_front(node_->outputs[0]))
        refuse_open_batch();
      extents[0] = input_shape()[0] == extents[0] ? 0 : -1;  // as in the input, or whatever is left
    }
    const std::string target = parameter("shape", extents);
    add("Reshape", 1).add_input(target);
  }

  void lower(const graph::Pool& op) {
    const bool average = op.kind == graph::Pool::Kind::average;
    pb::NodeProto& proto = add(average ? "AveragePool" : "MaxPool");
    if (average) set(proto, "count_include_pad", Index{op.count_padding});
    set_all(proto, "kernel_shape", op.kernel);
    set_all(proto, "pads", op.pad);
    set_all(proto, "strides", op.stride);
  }

  void lower(const graph::Upsample& op) {
    HostTensor scales(DType::f32, {4});  // FP32 whatever the precision: the operator's own type
    std::ranges::copy(std::initializer_list<float>{1, 1, static_cast<float>(op.factor[0]),
                                                   static_cast<float>(op.factor[1])},
                      scales.as<float>());
    const std::string factors = parameter("scales", scales);
    pb::NodeProto& proto = add("Resize");
    proto.add_input("");
    proto.add_input(factors);
    const bool nearest = op.kind == graph::Upsample::Kind::nearest;
    set(proto, "coordinate_transformation_mode", nearest ? "asymmetric" : "half_pixel");
    set(proto, "mode", nearest ? "nearest" : "linear");
    if (nearest) set(proto, "nearest_mode", "floor");
  }

  void lower(const graph::Cast&) {
    throw Error("internal.onnx",
                fmt::format("Node '{}' casts; a file has one type throughout.", node_->name));
  }

  const graph::Graph& graph_;
  const WriteOptions& options_;
  pb::ModelProto model_;
  const Node* node_ = nullptr;
  std::vector<std::string> names_;  ///< by value, as it is made
  std::map<std::pair<ValueId, DType>, std::string> operands_;
  std::set<std::string> taken_;
  Index batch_ = 1;
};

}  // namespace

std::string serialize(const graph::Graph& graph, const WriteOptions& options) {
  return Writer(graph, options).write().SerializeAsString();
}

}  // namespace peregrine::onnx
