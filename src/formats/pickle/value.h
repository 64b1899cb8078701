// What a pickle says, as inert data. Nothing here can run: a class or function is only its name, an
// object only the name it was to be built with, its arguments and its state.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace peregrine::pickle {

struct Node;

/// None, small scalars in place, everything else as a node of the Document that owns it.
/// A float is one of NumPy's, whose text is another than that of the same number as a double.
using Value = std::variant<std::monostate, bool, std::int64_t, double, float, const Node*>;
using Entry = std::pair<Value, Value>;

struct Text {
  std::string utf8;
};
struct Bytes {
  std::string bytes;
};
/// An integer beyond 64 bits: digits as the pickle has them, hexadecimal ("0x..") or decimal.
struct BigInteger {
  std::string digits;
};
/// A class or function of Python, by name.
struct Global {
  std::string module, name;
  std::string full() const { return module + "." + name; }
};
struct Sequence {
  enum class Kind : std::uint8_t { tuple, list, set };
  Kind kind = Kind::tuple;
  std::vector<Value> items;
};
/// In the order of insertion; a key that is set twice appears twice (the last one counts).
struct Dict {
  std::vector<Entry> entries;
};
/// callee(*arguments) that was asked for and not executed, and what the pickle then did to the result.
struct Object {
  Value callee, arguments, keywords, state;
  std::vector<Value> items;    ///< appended, as to a list
  std::vector<Entry> entries;  ///< set, as in a dict
};
/// A reference to data outside the pickle: the storages of torch.save.
struct PersistentId {
  Value id;
};

struct Node {
  std::variant<Text, Bytes, BigInteger, Global, Sequence, Dict, Object, PersistentId> content;
};

/// Owner of all nodes of one pickle.
class Document {
 public:
  Value root;

  template <class Content>
  Node* make(Content content) {
    return &nodes_.emplace_back(Node{std::move(content)});
  }
  const std::deque<Node>& nodes() const noexcept { return nodes_; }

 private:
  std::deque<Node> nodes_;
};

/// The content of a value's node if it is of that type; null otherwise.
template <class Content>
const Content* as(const Value& value) {
  const auto* node = std::get_if<const Node*>(&value);
  return node ? std::get_if<Content>(&(*node)->content) : nullptr;
}

inline bool is_none(const Value& value) { return std::holds_alternative<std::monostate>(value); }
/// The string of a Text; null for other values.
const std::string* text(const Value& value);
/// Integers and bools, as in Python.
std::optional<std::int64_t> integer(const Value& value);
/// Integers, bools and floats.
std::optional<double> number(const Value& value);
/// Items of a tuple, list or set; nothing otherwise.
std::optional<std::span<const Value>> items(const Value& value);
/// Entries of a dict or of an object that was filled like one; empty otherwise.
std::span<const Entry> entries(const Value& value);
/// Value of a text key; null where it is missing or `dict` is no dict.
const Value* find(const Value& dict, std::string_view key);
/// Full name of the class that an object was to be built with ("torch.nn.modules.conv.Conv2d"); empty
/// for values that are no objects.
std::string class_name(const Value& value);

}  // namespace peregrine::pickle
