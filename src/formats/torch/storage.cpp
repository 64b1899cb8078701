#include "formats/torch/storage.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "peregrine/error.h"

namespace peregrine::torch {

namespace {

struct StorageType {
  std::string_view name;
  std::optional<DType> dtype;
  std::int64_t element_bytes;
};

constexpr std::array<StorageType, 13> storage_types{{{"FloatStorage", DType::f32, 4},
                                                     {"HalfStorage", DType::f16, 2},
                                                     {"BFloat16Storage", DType::bf16, 2},
                                                     {"DoubleStorage", DType::f64, 8},
                                                     {"LongStorage", DType::i64, 8},
                                                     {"IntStorage", DType::i32, 4},
                                                     {"ShortStorage", std::nullopt, 2},
                                                     {"CharStorage", DType::i8, 1},
                                                     {"ByteStorage", DType::u8, 1},
                                                     {"BoolStorage", DType::boolean, 1},
                                                     {"ComplexFloatStorage", std::nullopt, 8},
                                                     {"ComplexDoubleStorage", std::nullopt, 16},
                                                     {"UntypedStorage", std::nullopt, 1}}};

[[noreturn]] void fail(const std::string& what) {
  throw Error("model.pickle", what, "The file is damaged or no checkpoint.");
}

StorageReference make_reference(std::string_view type, std::string key, std::int64_t elements) {
  for (const StorageType& known : storage_types)
    if (known.name == type) {
      constexpr std::int64_t most_elements = std::int64_t{1} << 40;
      if (elements < 0 || elements > most_elements)
        fail(fmt::format("storage '{}' claims {} elements", key, elements));
      return {known.dtype, std::string(type), std::move(key), elements, known.element_bytes};
    }
  throw Error("model.storage", fmt::format("storage '{}' has the unknown type {}", key, type),
              "Supported are the storages of FP32, FP16, BF16, FP64 and integer tensors.");
}

/// Protocol 0 has only text for ids: "('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 6)".
StorageReference from_text(const std::string& id) {
  std::string_view rest = id;
  const auto after = [&](std::string_view opening, char closing) {
    const std::size_t start = rest.find(opening);
    if (start == std::string_view::npos) fail("a storage has an identity that cannot be read");
    rest.remove_prefix(start + opening.size());
    const std::string_view word = rest.substr(0, rest.find(closing));
    rest.remove_prefix(word.size());
    return word;
  };
  std::string_view type = after("<class '", '\'');
  type.remove_prefix(type.rfind('.') + 1);
  const std::string key(after(", '", '\''));
  after(", '", '\'');  // the device
  const std::string_view count = after("', ", rest.find(", ", 3) == std::string_view::npos ? ')' : ',');
  std::int64_t elements = 0;
  if (std::from_chars(count.data(), count.data() + count.size(), elements).ptr != count.data() + count.size())
    fail("a storage has an identity that cannot be read");
  return make_reference(type, key, elements);
}

}  // namespace

StorageReference storage_reference(const pickle::PersistentId& id) {
  if (const std::string* line = pickle::text(id.id)) return from_text(*line);
  const auto parts = pickle::items(id.id);
  if (!parts || parts->size() < 5) fail("a storage has an identity that cannot be read");
  const std::string* kind = pickle::text((*parts)[0]);
  const auto* type = pickle::as<pickle::Global>((*parts)[1]);
  const std::string* key = pickle::text((*parts)[2]);
  const auto elements = pickle::integer((*parts)[4]);
  if (!kind || *kind != "storage" || !type || !key || !elements)
    fail("a storage has an identity that cannot be read");
  if (parts->size() > 5 && !pickle::is_none((*parts)[5]))
    throw Error(
        "model.storage",
        fmt::format("storage '{}' is a view of another one, as only PyTorch before 0.4 wrote it", *key),
        "Load the file with PyTorch and save it again.");
  return make_reference(type->name, *key, *elements);
}

}  // namespace peregrine::torch
