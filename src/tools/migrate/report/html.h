// Pieces of an HTML page: escaped text, tables, charts.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peregrine::migrate::html {

/// For text and attributes; bytes that are no UTF-8 are shown as printable() does.
std::string escape(std::string_view text);
std::string base64(std::span<const std::byte> bytes);

struct Column {
  std::string title;
  bool number = false;
};

/// On a narrow screen each row is a block of its own, a line a cell, with the column's title before it.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void row(const std::vector<std::string>& cells, bool bad = false);
  /// Empty where there is no row.
  std::string html() const;

 private:
  std::vector<Column> columns_;
  std::string rows_;
};

struct Bar {
  std::string label, value;  ///< value: the number in words, beside the bar
  double length = 0;         ///< to the largest one
  bool hatched = false;      ///< told apart by pattern, not by colour
};

/// Horizontal bars as inline SVG; `title` is read out to those who do not see it. Empty without bars.
std::string bar_chart(std::string_view title, std::span<const Bar> bars);

struct Mark {
  std::string label;
  double value = 0;
};

/// One column a mark, in order, on a logarithmic scale of decades from `least`; the highest is named.
std::string decades_chart(std::string_view title, std::span<const Mark> marks, double least);

}  // namespace peregrine::migrate::html
