#include "formats/onnx/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "core/half.h"
#include "peregrine/error.h"

namespace peregrine::onnx {

namespace {

// Raw data is little-endian by the format, and so is every machine that this runs on.
static_assert(std::endian::native == std::endian::little);

using Type = pb::TensorProto;

struct Bfloat16 {
  std::uint16_t bits;
};

float number(Half value) { return to_float(value); }
float number(Bfloat16 value) { return bfloat16_to_float(value.bits); }
float number(float value) { return value; }
float number(double value) { return static_cast<float>(value); }
std::int64_t number(std::integral auto value) { return static_cast<std::int64_t>(value); }

/// Elements that stand in a typed field instead of raw_data. Small types share int32_data: halves as their
/// bits.
template <class Stored>
Stored narrowed(auto value) {
  if constexpr (std::is_same_v<Stored, Half> || std::is_same_v<Stored, Bfloat16>)
    return {static_cast<std::uint16_t>(value)};
  else
    return static_cast<Stored>(value);
}

const auto& field_of(const Type& proto, const float*) { return proto.float_data(); }
const auto& field_of(const Type& proto, const double*) { return proto.double_data(); }
const auto& field_of(const Type& proto, const std::int64_t*) { return proto.int64_data(); }
const auto& field_of(const Type& proto, const auto*) { return proto.int32_data(); }

Shape shape_of(const Type& proto) {
  constexpr std::int64_t most_elements = std::int64_t{1} << 40;
  Shape shape;
  std::int64_t elements = 1;  // of the extents that are not zero: strides are products of them too
  for (const std::int64_t extent : proto.dims()) {
    if (extent < 0 || extent > most_elements / elements)
      throw Error("model.tensor",
                  fmt::format("tensor '{}' has an impossible extent of {}", proto.name(), extent));
    elements *= std::max<std::int64_t>(extent, 1);
    shape.push_back(extent);
  }
  return shape;
}

template <class Stored>
HostTensor read(const Type& proto) {
  using Result = decltype(number(Stored{}));
  const Shape shape = shape_of(proto);
  const auto elements = static_cast<std::size_t>(shape.elements());
  const auto& field = field_of(proto, static_cast<const Stored*>(nullptr));
  const std::size_t stored =
      proto.has_raw_data() ? proto.raw_data().size() : static_cast<std::size_t>(field.size());
  if (stored != elements * (proto.has_raw_data() ? sizeof(Stored) : 1))
    throw Error("model.tensor",
                fmt::format("tensor '{}' ({}) does not hold as many elements as it claims", proto.name(),
                            to_string(shape)),
                "The file is damaged; export it again.");
  HostTensor tensor(std::is_floating_point_v<Result> ? DType::f32 : DType::i64, shape);
  Result* target = tensor.as<Result>();
  if (!proto.has_raw_data()) {
    std::ranges::transform(field, target, [](auto value) { return number(narrowed<Stored>(value)); });
  } else {
    for (std::size_t i = 0; i < elements; ++i) {
      Stored value;
      std::memcpy(&value, proto.raw_data().data() + i * sizeof(Stored), sizeof(Stored));
      target[i] = number(value);
    }
  }
  return tensor;
}

int type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return Type::FLOAT;
    case DType::f16: return Type::FLOAT16;
    case DType::i64: return Type::INT64;
    default: throw Error("internal.onnx", fmt::format("{} tensors are not written", to_string(dtype)));
  }
}

}  // namespace

HostTensor from_proto(const pb::TensorProto& proto) {
  if (proto.data_location() == Type::EXTERNAL)
    throw Error("model.unsupported", fmt::format("the elements of '{}' lie in another file", proto.name()),
                "Put the model into one file, in Python: onnx.save(onnx.load(FILE), NEW_FILE).");
  switch (proto.data_type()) {
    case Type::FLOAT: return read<float>(proto);
    case Type::FLOAT16: return read<Half>(proto);
    case Type::BFLOAT16: return read<Bfloat16>(proto);
    case Type::DOUBLE: return read<double>(proto);
    case Type::INT64: return read<std::int64_t>(proto);
    case Type::INT32: return read<std::int32_t>(proto);
    case Type::INT16: return read<std::int16_t>(proto);
    case Type::INT8: return read<std::int8_t>(proto);
    case Type::UINT8:
    case Type::BOOL: return read<std::uint8_t>(proto);
    default:
      throw Error("model.unsupported", fmt::format("tensor '{}' is of type {}, which is not supported",
                                                   proto.name(), type_name(proto.data_type())));
  }
}

std::string type_name(int onnx_type) {
  std::string name =
      Type::DataType_IsValid(onnx_type) ? Type::DataType_Name(static_cast<Type::DataType>(onnx_type)) : "";
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (name == "float") return "float32";
  return name.empty() ? fmt::format("elements of ONNX type {}", onnx_type) : name;
}

pb::TensorProto to_proto(std::string name, const HostTensor& tensor) {
  Type proto;
  proto.set_name(std::move(name));
  proto.set_data_type(type_of(tensor.dtype()));
  for (std::int64_t extent : tensor.shape()) proto.add_dims(extent);
  proto.set_raw_data(tensor.as<char>(), tensor.bytes());
  return proto;
}

}  // namespace peregrine::onnx
