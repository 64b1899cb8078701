#include "formats/pickle/machine.h"

#include <fmt/format.h>

#include "formats/pickle/names.h"
#include "formats/pickle/opcodes.h"
#include "peregrine/error.h"

namespace peregrine::pickle {

namespace {

/// Far above any checkpoint (YOLO11x with its optimizer: 0.1 M), and still only some hundred megabytes.
constexpr std::size_t most_values = 4'000'000;

[[noreturn]] void fail(std::string what) {
  throw Error("model.pickle", std::move(what), "The file is damaged or no checkpoint.");
}

/// Nodes are made by this machine's Document, which holds them as non-const; only readers see them const.
template <class Content>
Content* mutable_content(const Value& value) {
  return const_cast<Content*>(as<Content>(value));
}

bool is_one_of(const std::string& name, std::initializer_list<std::string_view> names) {
  for (const std::string_view candidate : names)
    if (candidate == name) return true;
  return false;
}

}  // namespace

Parsed parse(std::span<const std::byte> bytes) { return Machine(bytes).run(); }

Parsed Machine::run() {
  for (;;) {
    const std::uint8_t code = cursor_.byte();
    if (code == op::stop) break;
    const bool known =
        scalar(code) || string(code) || container(code) || object(code) || stack_and_memo(code);
    if (!known) fail(fmt::format("the pickle has the unknown opcode 0x{:02x}", code));
  }
  document_->root = pop();
  return {std::move(document_), cursor_.position()};
}

void Machine::push(Value value) {
  if (stack_.size() + document_->nodes().size() >= most_values)
    throw Error("model.size", fmt::format("the pickle claims more than {} values", most_values),
                "No checkpoint is that large; do not trust this file.");
  stack_.push_back(value);
}

Value& Machine::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()))
    fail("the pickle takes a value from an empty stack");
  return stack_.back();
}

Value Machine::pop() {
  const Value value = top();
  stack_.pop_back();
  return value;
}

std::vector<Value> Machine::pop_to_mark() {
  if (marks_.empty()) fail("the pickle closes a group that it never opened");
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Value> values(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return values;
}

void Machine::push_tuple(std::vector<Value> items) {
  push_node(Sequence{Sequence::Kind::tuple, std::move(items)});
}

bool Machine::container(std::uint8_t code) {
  switch (code) {
    case op::empty_tuple: push_tuple({}); return true;
    case op::tuple1: push_tuple({pop()}); return true;
    case op::tuple2: {
      const Value second = pop(), first = pop();
      push_tuple({first, second});
      return true;
    }
    case op::tuple3: {
      const Value third = pop(), second = pop(), first = pop();
      push_tuple({first, second, third});
      return true;
    }
    case op::tuple: push_tuple(pop_to_mark()); return true;
    case op::empty_list: push_node(Sequence{Sequence::Kind::list, {}}); return true;
    case op::list: push_node(Sequence{Sequence::Kind::list, pop_to_mark()}); return true;
    case op::empty_set: push_node(Sequence{Sequence::Kind::set, {}}); return true;
    case op::frozenset: push_node(Sequence{Sequence::Kind::set, pop_to_mark()}); return true;
    case op::empty_dict: push_node(Dict{}); return true;
    case op::dict: {
      const std::vector<Value> content = pop_to_mark();
      push_node(Dict{});
      set_items(content);
      return true;
    }
    case op::append: append({pop()}); return true;
    case op::appends:
    case op::additems: append(pop_to_mark()); return true;
    case op::setitem: {
      const Value value = pop(), key = pop();
      set_items({key, value});
      return true;
    }
    case op::setitems: set_items(pop_to_mark()); return true;
    default: return false;
  }
}

void Machine::append(const std::vector<Value>& items) {
  const auto add_to = [&](std::vector<Value>& list) { list.insert(list.end(), items.begin(), items.end()); };
  if (auto* sequence = mutable_content<Sequence>(top()))
    add_to(sequence->items);
  else if (auto* object = mutable_content<Object>(top()))
    add_to(object->items);
  else
    fail("the pickle appends to something that is no list");
}

void Machine::set_items(const std::vector<Value>& keys_and_values) {
  if (keys_and_values.size() % 2 != 0) fail("the pickle sets a key without a value");
  const auto add_to = [&](std::vector<Entry>& dict) {
    for (std::size_t i = 0; i < keys_and_values.size(); i += 2)
      dict.emplace_back(keys_and_values[i], keys_and_values[i + 1]);
  };
  if (auto* dict = mutable_content<Dict>(top()))
    add_to(dict->entries);
  else if (auto* object = mutable_content<Object>(top()))
    add_to(object->entries);
  else
    fail("the pickle sets an item of something that is no dict");
}

bool Machine::object(std::uint8_t code) {
  switch (code) {
    case op::global: {
      const std::string_view module = cursor_.line();
      push_global(module, cursor_.line());
      return true;
    }
    case op::stack_global: {
      const Value name = pop(), module = pop();
      if (!text(name) || !text(module)) fail("the pickle names a class by something that is no text");
      push_global(*text(module), *text(name));
      return true;
    }
    case op::reduce:
    case op::newobj: {
      const Value arguments = pop();
      push_call(pop(), arguments);
      return true;
    }
    case op::newobj_ex: {
      const Value keywords = pop(), arguments = pop();
      push_call(pop(), arguments, keywords);
      return true;
    }
    case op::inst: {
      const std::string_view module = cursor_.line();
      push_global(module, cursor_.line());
      const Value callee = pop();
      push_tuple(pop_to_mark());
      push_call(callee, pop());
      return true;
    }
    case op::obj: {
      std::vector<Value> arguments = pop_to_mark();
      if (arguments.empty()) fail("the pickle builds an object without a class");
      const Value callee = arguments.front();
      arguments.erase(arguments.begin());
      push_tuple(std::move(arguments));
      push_call(callee, pop());
      return true;
    }
    case op::build: build(); return true;
    case op::persid:
      push_text(cursor_.line());
      push_node(PersistentId{pop()});
      return true;
    case op::binpersid: push_persistent(pop()); return true;
    default: return false;
  }
}

void Machine::push_global(std::string_view module, std::string_view name) {
  const Origin origin = origin_of(module, name);
  if (origin == Origin::hostile)
    throw Error(
        "model.refused",
        fmt::format("the pickle asks for {}.{}, which is refused (nothing of it was run)", module, name),
        "A checkpoint has no need of it: do not trust this file, get it from its author again.");
  if (origin == Origin::unknown)
    throw Error("model.refused",
                fmt::format("the pickle asks for {}.{}, of a Python package that Peregrine does not know "
                            "(nothing of it was run)",
                            module, name),
                "Peregrine reads checkpoints as Ultralytics saves them, and OSNet's weights alone "
                "(model.state_dict()).");
  push_node(Global{std::string(module), std::string(name)});
}

void Machine::push_call(const Value& callee, const Value& arguments, const Value& keywords) {
  const auto given = items(arguments);
  if (!given || !(as<Global>(callee) || as<Object>(callee)))
    fail("the pickle calls something that is no class or function");
  const auto* global = as<Global>(callee);
  const std::string name = global ? global->full() : std::string();
  // Constructors whose results are plain data give that data; all others stay unexecuted.
  if (is_one_of(name, {"collections.OrderedDict", "builtins.dict", "__builtin__.dict"}) &&
      given->size() <= 1) {
    push_node(Dict{});
    if (given->empty()) return;
    for (const Value& pair : items(given->front()).value_or(std::span<const Value>())) {
      const auto key_and_value = items(pair);
      if (!key_and_value || key_and_value->size() != 2)
        fail("the pickle fills a dict with something that is no pair");
      set_items({key_and_value->begin(), key_and_value->end()});
    }
  } else if (is_one_of(name, {"builtins.set", "__builtin__.set", "builtins.frozenset",
                              "__builtin__.frozenset", "torch.Size"}) &&
             given->size() == 1 && items(given->front())) {
    const auto content = *items(given->front());
    const auto kind = name == "torch.Size" ? Sequence::Kind::tuple : Sequence::Kind::set;
    push_node(Sequence{kind, {content.begin(), content.end()}});
  } else if (const auto plain = plain_call(name, arguments)) {
    push_plain(*plain);
  } else if (is_one_of(name, {"copyreg._reconstructor", "copy_reg._reconstructor"}) && !given->empty()) {
    push_node(Object{
        given->front(), {}, {}, {}, {}, {}});  // protocols 0 and 1: _reconstructor(class, object, None)
  } else {
    push_node(Object{callee, arguments, keywords, {}, {}, {}});
  }
}

void Machine::push_plain(const PlainData& data) {
  if (const auto* scalar = std::get_if<Value>(&data)) return push(*scalar);
  if (const auto* text = std::get_if<Text>(&data)) return push_node(*text);
  if (const auto* bytes = std::get_if<Bytes>(&data)) return push_node(*bytes);
  push_node(std::get<BigInteger>(data));
}

/// The older layout of torch.save wraps each class of a module: ('module', class, its source file, its
/// source).
void Machine::push_persistent(const Value& id) {
  const auto parts = items(id);
  const std::string* kind = parts && parts->size() == 4 ? text((*parts)[0]) : nullptr;
  if (kind && *kind == "module" && as<Global>((*parts)[1])) return push((*parts)[1]);
  push_node(PersistentId{id});
}

void Machine::build() {
  const Value state = pop();
  // Attributes on a dict (state_dict()._metadata) carry nothing that a model needs.
  if (auto* object = mutable_content<Object>(top())) object->state = state;
}

bool Machine::stack_and_memo(std::uint8_t code) {
  switch (code) {
    case op::proto: cursor_.byte(); return true;
    case op::frame: cursor_.little_endian(8); return true;
    case op::mark: marks_.push_back(stack_.size()); return true;
    case op::pop:
      if (!marks_.empty() && marks_.back() == stack_.size())
        marks_.pop_back();
      else
        pop();
      return true;
    case op::pop_mark: pop_to_mark(); return true;
    case op::dup: push(top()); return true;
    case op::put:
      push_integer_line();
      put(static_cast<std::uint64_t>(integer(pop()).value_or(-1)));
      return true;
    case op::binput: put(cursor_.byte()); return true;
    case op::long_binput: put(cursor_.little_endian(4)); return true;
    case op::memoize: put(memo_.size()); return true;
    case op::get:
      push_integer_line();
      get(static_cast<std::uint64_t>(integer(pop()).value_or(-1)));
      return true;
    case op::binget: get(cursor_.byte()); return true;
    case op::long_binget: get(cursor_.little_endian(4)); return true;
    default: return false;
  }
}

void Machine::put(std::uint64_t key) {
  if (memo_.size() >= most_values)
    throw Error("model.size", fmt::format("the pickle claims more than {} values", most_values));
  memo_[key] = top();
}

void Machine::get(std::uint64_t key) {
  const auto found = memo_.find(key);
  if (found == memo_.end()) fail(fmt::format("the pickle refers to value {}, which it never stored", key));
  push(found->second);
}

}  // namespace peregrine::pickle
