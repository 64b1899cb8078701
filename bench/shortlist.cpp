#include "shortlist.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace peregrine::bench {

Shortlist::Shortlist(const std::filesystem::path& csv) {
  std::ifstream in(csv);
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> fields;
    std::istringstream parts(line);
    for (std::string field; std::getline(parts, field, ';');) fields.push_back(field);
    const bool measured = fields.size() == 7;  // an eighth field says why it was rejected
    if (measured && fields[3] == "cudnn")
      by_step_[fmt::format("{};{};{}", fields[0], fields[1], fields[2])].emplace(std::stod(fields[5]), fields[4]);
  }
}

void Shortlist::narrow(const std::string& model, int batch, const cuda::Step& step, std::vector<cuda::Choice>& choices) const {
  const auto known = by_step_.find(fmt::format("{};{};{}", model, batch, step.name));
  if (known == by_step_.end()) return;
  constexpr std::ptrdiff_t kept = 3;
  const auto& by_time = known->second;
  const auto end = std::next(by_time.begin(), std::min<std::ptrdiff_t>(kept, std::ssize(by_time)));
  const auto listed = [&](const cuda::Choice& choice) {
    const std::string parameters = fmt::format("{}", fmt::join(choice.parameters, " "));
    return std::any_of(by_time.begin(), end, [&](const auto& one) { return one.second == parameters; });
  };
  const auto of_cudnn = [](const cuda::Choice& choice) { return choice.candidate == "cudnn"; };
  // Of another shape under this name (an older plan, other siblings) its favourites may not exist here: then all race.
  if (std::none_of(choices.begin(), choices.end(), [&](const cuda::Choice& c) { return of_cudnn(c) && listed(c); })) return;
  std::erase_if(choices, [&](const cuda::Choice& choice) { return of_cudnn(choice) && !listed(choice); });
}

}  // namespace peregrine::bench
