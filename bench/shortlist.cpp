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
      by_step_[fmt::format("{};{};{}", fields[0], fields[1], fields[2])].emplace(std::stod(fields[5]),
                                                                                 fields[4]);
  }
}

void Shortlist::narrow(const std::string& model, int batch, const cuda::Step& step,
                       std::vector<cuda::Tactic>& tactics) const {
  const auto known = by_step_.find(fmt::format("{};{};{}", model, batch, step.name));
  if (known == by_step_.end()) return;
  constexpr std::ptrdiff_t kept = 3;
  const auto& by_time = known->second;
  const auto end = std::next(by_time.begin(), std::min<std::ptrdiff_t>(kept, std::ssize(by_time)));
  const auto listed = [&](const cuda::Tactic& tactic) {
    const std::string parameters = fmt::format("{}", fmt::join(tactic.parameters, " "));
    return std::any_of(by_time.begin(), end, [&](const auto& one) { return one.second == parameters; });
  };
  const auto of_cudnn = [](const cuda::Tactic& tactic) { return tactic.provider == "cudnn"; };
  // Of another shape under this name (an older plan, other siblings) its favourites may not exist here: then
  // all race.
  if (std::none_of(tactics.begin(), tactics.end(),
                   [&](const cuda::Tactic& c) { return of_cudnn(c) && listed(c); }))
    return;
  std::erase_if(tactics, [&](const cuda::Tactic& tactic) { return of_cudnn(tactic) && !listed(tactic); });
}

}  // namespace peregrine::bench
