// The stack machine behind parse(): one method a group of opcodes. Private to this folder.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/pickle/cursor.h"
#include "formats/pickle/plain_call.h"
#include "formats/pickle/unpickler.h"

namespace peregrine::pickle {

class Machine {
 public:
  explicit Machine(std::span<const std::byte> bytes)
      : cursor_(bytes), document_(std::make_unique<Document>()) {}
  Parsed run();

 private:
  // Each executes `code` if it belongs to its group and says whether it did.
  bool scalar(std::uint8_t code);
  bool string(std::uint8_t code);
  bool container(std::uint8_t code);
  bool object(std::uint8_t code);
  bool stack_and_memo(std::uint8_t code);

  void push(Value value);
  template <class Content>
  void push_node(Content content) {
    push(document_->make(std::move(content)));
  }
  Value pop();
  Value& top();
  /// The values above the last mark; the mark is removed.
  std::vector<Value> pop_to_mark();

  void push_integer_line();
  void push_float_line();
  void push_long_line();
  void push_long_bytes(std::string_view bytes);
  void push_text(std::string_view utf8);
  void push_text_or_bytes(std::string bytes);
  void push_global(std::string_view module, std::string_view name);
  void push_call(const Value& callee, const Value& arguments, const Value& keywords = {});
  void push_plain(const PlainData& data);
  void push_persistent(const Value& id);
  void push_tuple(std::vector<Value> items);
  void append(const std::vector<Value>& items);
  void set_items(const std::vector<Value>& keys_and_values);
  void build();
  void put(std::uint64_t key);
  void get(std::uint64_t key);

  Cursor cursor_;
  std::unique_ptr<Document> document_;
  std::vector<Value> stack_;
  std::vector<std::size_t> marks_;  ///< stack heights
  std::unordered_map<std::uint64_t, Value> memo_;
};

}  // namespace peregrine::pickle
