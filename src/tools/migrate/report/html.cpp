#include "tools/migrate/report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/text.h"

namespace peregrine::migrate::html {

std::string escape(std::string_view text) {
  std::string safe;
  for (const char c : printable(text)) switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      default: safe += c;
    }
  return safe;
}

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

void Table::row(const std::vector<std::string>& cells, bool bad) {
  rows_ += bad ? "<tr class=\"bad\" role=\"row\">" : "<tr role=\"row\">";
  for (std::size_t i = 0; i < cells.size(); ++i)
    rows_ += fmt::format("<td role=\"cell\"{} data-label=\"{}\">{}</td>",
                         columns_.at(i).number ? " class=\"number\"" : "", escape(columns_[i].title),
                         escape(cells[i]));
  rows_ += "</tr>\n";
}

std::string Table::html() const {
  if (rows_.empty()) return {};
  std::string head;
  for (const Column& column : columns_)
    head += fmt::format("<th scope=\"col\" role=\"columnheader\"{}>{}</th>",
                        column.number ? " class=\"number\"" : "", escape(column.title));
  // The task slots stay when a narrow screen shows rows as blocks.
  return fmt::format(
      "<table role=\"table\"><thead role=\"rowgroup\"><tr role=\"row\">{}</tr></thead>\n<tbody "
      "role=\"rowgroup\">\n{}</tbody>"
      "</table>\n",
      head, rows_);
}

std::string bar_chart(std::string_view title, std::span<const Bar> bars) {
  if (bars.empty()) return {};
  constexpr int width = 340, row = 40;  // as wide as a phone: text keeps its size there
  constexpr double longest = 230;
  double largest = 1e-30;
  for (const Bar& bar : bars) largest = std::max(largest, bar.length);
  std::string body;
  int top = 0;
  for (const Bar& bar : bars) {
    const double length = std::max(1.0, bar.length / largest * longest);
    body += fmt::format(
        "<text x=\"0\" y=\"{}\">{}</text><rect x=\"0\" y=\"{}\" width=\"{:.1f}\" height=\"14\" "
        "stroke=\"#1a1a1a\" fill=\"{}\"/>"
        "<text x=\"{:.1f}\" y=\"{}\">{}</text>\n",
        top + 14, escape(bar.label), top + 20, length, bar.hatched ? "url(#hatch)" : "#3b6ea5", length + 6,
        top + 32, escape(bar.value));
    top += row;
  }
  return fmt::format(
      "<p>{}:</p>\n<svg viewBox=\"0 0 {} {}\" style=\"max-width:28rem\" role=\"img\" "
      "aria-label=\"{}\"><defs><pattern "
      "id=\"hatch\" "
      "width=\"6\" "
      "height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"6\" "
      "height=\"6\" "
      "fill=\"#fff\"/><rect width=\"2\" height=\"6\" fill=\"#1a1a1a\"/></pattern></defs>\n{}</svg>\n",
      escape(title), width, top, escape(title), body);
}

std::string decades_chart(std::string_view title, std::span<const Mark> marks, double least) {
  if (marks.empty()) return {};
  constexpr double width = 340, height = 120, left = 44;
  const double decades = std::max(1.0, std::ceil(-std::log10(least)));
  const auto up = [&](double value) {
    return std::clamp((std::log10(std::max(value, least)) + decades) / decades, 0.0, 1.0) * height;
  };
  std::string body;
  for (int decade = 0; decade <= static_cast<int>(decades); decade += 2) {
    const double y = 10 + height - up(std::pow(10.0, decade - decades));
    body += fmt::format(
        "<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#999\"/><text x=\"0\" "
        "y=\"{3:.1f}\">1e{4}"
        "</text>\n",
        left, width, y, y + 4, static_cast<int>(decade - decades));
  }
  const double step = (width - left) / static_cast<double>(marks.size());
  double x = left;
  for (const Mark& mark : marks) {
    const double tall = std::max(1.0, up(mark.value));
    body += fmt::format(
        "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" fill=\"#3b6ea5\"><title>{}: "
        "{:.3g}"
        "</title></rect>\n",
        x, 10 + height - tall, std::max(0.5, step * 0.8), tall, escape(mark.label), mark.value);
    x += step;
  }
  const auto highest = std::ranges::max_element(marks, {}, &Mark::value);
  return fmt::format(
      "<svg viewBox=\"0 0 {} {}\" style=\"max-width:28rem\" role=\"img\" "
      "aria-label=\"{}\">\n{}</svg>\n<p>Furthest: {}, "
      "{:.3g}.</p>\n",
      width, height + 20, escape(title), body, escape(highest->label), highest->value);
}

}  // namespace peregrine::migrate::html
