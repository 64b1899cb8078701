#include "formats/onnx/python_literal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "formats/class_names.h"

namespace peregrine::onnx {

namespace {

/// UTF-8 of a code point; nothing for what is none.
std::string utf8(std::uint32_t point) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xc0 | point >> 6), byte(0x80 | (point & 0x3f))};
  if (point < 0x10000)
    return {byte(0xe0 | point >> 12), byte(0x80 | (point >> 6 & 0x3f)), byte(0x80 | (point & 0x3f))};
  return {byte(0xf0 | (point >> 18 & 7)), byte(0x80 | (point >> 12 & 0x3f)), byte(0x80 | (point >> 6 & 0x3f)),
          byte(0x80 | (point & 0x3f))};
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  /// Takes the character if it comes next, after blanks.
  bool take(char c) {
    skip_blanks();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }
  std::optional<std::int64_t> integer() {
    skip_blanks();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc{}) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  std::optional<std::string> text() {
    const bool single = take('\'');
    if (!single && !take('"')) return std::nullopt;
    const char quote = single ? '\'' : '"';
    std::string value;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == quote) return value;
      if (c == '\\') {
        if (!escape(value)) return std::nullopt;
      } else {
        value += c;
      }
    }
    return std::nullopt;
  }
  /// A number, or one of Python's constants, as it is spelled.
  std::optional<std::string> word() {
    skip_blanks();
    const std::size_t end = std::min(rest_.find_first_of(" \n,:}])"), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    double number = 0;
    const bool is_number =
        std::from_chars(word.data(), word.data() + word.size(), number).ptr == word.data() + word.size() &&
        !word.empty();
    if (!is_number && word != "None" && word != "True" && word != "False") return std::nullopt;
    rest_.remove_prefix(end);
    return std::string(word);
  }
  /// A whole number, bare or as text.
  std::optional<std::int64_t> index() {
    const auto quoted = text();
    std::int64_t value = 0;
    if (quoted) return parse_class_index(*quoted, value) ? std::optional(value) : std::nullopt;
    return integer();
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) rest_.remove_prefix(1);
  }

  /// What follows a backslash, as repr writes it.
  bool escape(std::string& value) {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0) {
      value += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
      return true;
    }
    std::uint32_t point = 0;
    if (rest_.size() < digits) return false;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + digits, point, 16);
    if (error != std::errc{} || end != rest_.data() + digits) return false;
    rest_.remove_prefix(digits);
    value += utf8(point);
    return true;
  }

  std::string_view rest_;
};

/// Items between brackets, separated by commas, a comma after the last allowed.
template <class Item>
bool read_items(Scanner& scanner, char close, Item item) {
  while (!scanner.take(close)) {
    if (!item()) return false;
    if (!scanner.take(',')) return scanner.take(close) && scanner.at_end();
  }
  return scanner.at_end();
}

}  // namespace

std::optional<std::map<std::int64_t, std::string>> parse_names(std::string_view text) {
  Scanner scanner(text);
  std::map<std::int64_t, std::string> names;
  const bool dict = scanner.take('{');
  if (!dict && !scanner.take('[')) return std::nullopt;
  const bool complete = read_items(scanner, dict ? '}' : ']', [&] {
    const auto index = dict ? scanner.index() : static_cast<std::int64_t>(names.size());
    if (!index || (dict && !scanner.take(':'))) return false;
    auto name = scanner.text();
    if (!name) name = scanner.word();
    if (!name) return false;
    names.insert_or_assign(*index, std::move(*name));
    return true;
  });
  return complete ? std::optional(std::move(names)) : std::nullopt;
}

std::optional<std::vector<std::int64_t>> parse_integers(std::string_view text) {
  Scanner scanner(text);
  std::vector<std::int64_t> values;
  const auto item = [&] {
    const auto value = scanner.integer();
    if (value) values.push_back(*value);
    return value.has_value();
  };
  const bool list = scanner.take('[');
  const bool complete =
      list || scanner.take('(') ? read_items(scanner, list ? ']' : ')', item) : item() && scanner.at_end();
  return complete ? std::optional(std::move(values)) : std::nullopt;
}

std::string print_names(const std::vector<std::string>& names) {
  std::string text = "{";
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += fmt::format("{}{}: '", i == 0 ? "" : ", ", i);
    for (const char c : names[i]) {
      if (c == '\n')
        text += "\\n";
      else
        text += c == '\'' || c == '\\' ? fmt::format("\\{}", c) : std::string(1, c);
    }
    text += "'";
  }
  return text + "}";
}

}  // namespace peregrine::onnx
