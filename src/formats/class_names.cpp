#include "formats/class_names.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "peregrine/error.h"

namespace peregrine {

std::vector<std::string> name_classes(const std::map<std::int64_t, std::string>& names,
                                      std::int64_t classes) {
  const auto given = static_cast<std::int64_t>(names.size());
  if (given > 0 && names.rbegin()->first >= given)
    throw Error("model.names",
                fmt::format("the class names have gaps: {} name{} for the indices {} to {}", given,
                            given == 1 ? "" : "s", names.begin()->first, names.rbegin()->first),
                "Name the classes from 0 on, without gaps: in a checkpoint of Ultralytics, model.names = {0: "
                "..., 1: ...}.");
  std::vector<std::string> all;
  for (std::int64_t i = 0; i < classes; ++i) {
    const auto found = names.find(i);
    all.push_back(found == names.end() ? fmt::format("class{}", i) : found->second);
  }
  return all;
}

bool parse_class_index(std::string_view text, std::int64_t& index) {
  constexpr std::string_view blanks = " \t\n\r";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return false;
  text = text.substr(first, text.find_last_not_of(blanks) - first + 1);
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  return error == std::errc{} && end == text.data() + text.size();
}

std::string python_text(double number) {
  std::string text = fmt::format("{}", number);
  const bool whole = std::isfinite(number) && text.find_first_of(".e") == std::string::npos;
  return whole ? text + ".0" : text;
}

}  // namespace peregrine
