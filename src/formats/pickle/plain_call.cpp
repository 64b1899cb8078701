#include "formats/pickle/plain_call.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "core/half.h"
#include "core/text.h"
#include "formats/pickle/text_codec.h"

namespace peregrine::pickle {

namespace {

static_assert(std::endian::native == std::endian::little);

/// "i8": one letter for the kind, and how many bytes (of text: characters).
struct NumpyType {
  char kind = 0;
  std::size_t size = 0;
  bool big_endian = false;
};

/// numpy.dtype('i8', False, True), whose state says the order of the bytes: (3, '<', ...).
std::optional<NumpyType> type_of(const Value& value) {
  const auto* object = as<Object>(value);
  const auto arguments = object ? items(object->arguments) : std::nullopt;
  const auto state = object ? items(object->state) : std::nullopt;
  const std::string* code = arguments && !arguments->empty() ? text(arguments->front()) : nullptr;
  const std::string* order = state && state->size() > 1 ? text((*state)[1]) : nullptr;
  if (class_name(value) != "numpy.dtype" || !code || code->size() < 2 || !order) return std::nullopt;
  NumpyType type{.kind = code->front(), .big_endian = *order == ">"};
  const char* end = code->data() + code->size();
  if (std::from_chars(code->data() + 1, end, type.size).ptr != end) return std::nullopt;
  return type;
}

/// The low bytes of a number in the order of this machine.
template <class Number>
Number stored(std::string bytes, bool big_endian) {
  if (big_endian) std::ranges::reverse(bytes);
  Number number{};
  std::memcpy(&number, bytes.data(), std::min(bytes.size(), sizeof number));
  return number;
}

bool has_size(const NumpyType& type, std::initializer_list<std::size_t> sizes) {
  return std::ranges::find(sizes, type.size) != sizes.end();
}

std::optional<PlainData> whole(const std::string& bytes, const NumpyType& type) {
  if (!has_size(type, {1, 2, 4, 8})) return std::nullopt;
  const auto bits = stored<std::uint64_t>(bytes, type.big_endian);
  if (type.kind == 'u' && bits >> 63 != 0) return BigInteger{std::to_string(bits)};
  const std::size_t unused = type.kind == 'u' ? 0 : 64 - 8 * type.size;  // the sign fills them
  return Value(static_cast<std::int64_t>(bits << unused) >> unused);
}

std::optional<PlainData> real(const std::string& bytes, const NumpyType& type) {
  if (type.size == 8) return Value(stored<double>(bytes, type.big_endian));
  if (type.size == 4) return Value(stored<float>(bytes, type.big_endian));
  if (type.size != 2) return std::nullopt;
  const float half = to_float(Half{stored<std::uint16_t>(bytes, type.big_endian)});
  return half == std::floor(half) ? std::optional<PlainData>(Value(half)) : std::nullopt;
}

/// The bytes of a Bytes, or of a Text that Python 2 did not tell from them; nothing for other values.
std::optional<std::string> bytes_of(const Value& value) {
  if (const auto* bytes = as<Bytes>(value)) return bytes->bytes;
  if (const std::string* string = text(value)) return *string;
  return std::nullopt;
}

std::optional<PlainData> numpy_scalar(const Value& dtype, const Value& content) {
  const auto type = type_of(dtype);
  const auto bytes = bytes_of(content);
  if (!type || !bytes || type->size > bytes->size()) return std::nullopt;
  if (bytes->size() != type->size * (type->kind == 'U' ? 4 : 1)) return std::nullopt;
  switch (type->kind) {
    case 'b': return type->size == 1 ? std::optional<PlainData>(Value((*bytes)[0] != 0)) : std::nullopt;
    case 'i':
    case 'u': return whole(*bytes, *type);
    case 'f': return real(*bytes, *type);
    case 'S': return Bytes{bytes->substr(0, bytes->find_last_not_of('\0') + 1)};
    case 'U': {
      auto string = from_utf32(*bytes, type->big_endian);
      return string ? std::optional<PlainData>(Text{*std::move(string)}) : std::nullopt;
    }
    default: return std::nullopt;
  }
}

std::optional<PlainData> encoded(const std::string& utf8) {
  auto bytes = to_latin1(utf8);
  return bytes ? std::optional<PlainData>(Bytes{*std::move(bytes)}) : std::nullopt;
}

}  // namespace

std::optional<PlainData> plain_call(std::string_view function, const Value& arguments) {
  const auto given = items(arguments);
  if (!given) return std::nullopt;
  if (given->empty() && (function == "builtins.bytes" || function == "__builtin__.bytes")) return Bytes{};
  if (given->size() != 2) return std::nullopt;
  const std::string *first = text((*given)[0]), *second = text((*given)[1]);
  if (function == "_codecs.encode" && first && second && *second == "latin1") return encoded(*first);
  if (function == "numpy._core.multiarray.scalar" || function == "numpy.core.multiarray.scalar")
    return numpy_scalar((*given)[0], (*given)[1]);
  return std::nullopt;
}

}  // namespace peregrine::pickle
