#include "formats/pickle/value.h"

namespace peregrine::pickle {

const std::string* text(const Value& value) {
  const auto* node = as<Text>(value);
  return node ? &node->utf8 : nullptr;
}

std::optional<std::int64_t> integer(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  return std::nullopt;
}

std::optional<double> number(const Value& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* real = std::get_if<float>(&value)) return double{*real};
  if (const auto whole = integer(value)) return static_cast<double>(*whole);
  return std::nullopt;
}

std::optional<std::span<const Value>> items(const Value& value) {
  if (const auto* sequence = as<Sequence>(value)) return sequence->items;
  return std::nullopt;
}

std::span<const Entry> entries(const Value& value) {
  if (const auto* dict = as<Dict>(value)) return dict->entries;
  if (const auto* object = as<Object>(value)) return object->entries;
  return {};
}

const Value* find(const Value& dict, std::string_view key) {
  const std::span<const Entry> all = entries(dict);
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry)
    if (const std::string* name = text(entry->first); name && *name == key) return &entry->second;
  return nullptr;
}

std::string class_name(const Value& value) {
  const auto* object = as<Object>(value);
  const auto* global = object ? as<Global>(object->callee) : nullptr;
  return global ? global->full() : std::string();
}

}  // namespace peregrine::pickle
