#include "peregrine/error.h"

#include <array>
#include <utility>

namespace peregrine {

namespace {

/// Words that users search their logs for may end without a full stop.
std::string line_of(const std::string& sentence, const std::string& hint) {
  if (hint.empty()) return sentence;
  const bool ended =
      sentence.empty() || std::string_view(".!?:").find(sentence.back()) != std::string_view::npos;
  return sentence + (ended ? " " : ". ") + hint;
}

}  // namespace

Error::Error(std::string code, std::string sentence, std::string hint)
    : code_(std::move(code)),
      sentence_(std::move(sentence)),
      hint_(std::move(hint)),
      line_(line_of(sentence_, hint_)) {}

int exit_status(std::string_view code) noexcept {
  constexpr std::array<std::pair<std::string_view, int>, 6> families{
      {{"usage", 2}, {"image", 1}, {"source", 1}, {"output", 1}, {"validation", 1}, {"interrupted", 130}}};
  const std::string_view family = code.substr(0, code.find('.'));
  for (const auto& [name, status] : families)
    if (name == family) return status;
  return 3;
}

}  // namespace peregrine
