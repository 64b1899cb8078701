#include "engine/cuda/autotune/tuner.h"

#include <algorithm>

namespace peregrine::cuda {

namespace {

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

Tuner::Tuner(std::size_t tactics, TunerOptions options) : options_(options), entries_(tactics) {}

std::optional<Tuner::Request> Tuner::next_measurement() {
  while (round_ < options_.rounds && remaining() > 0) {
    for (; position_ < entries_.size() * 2; ++position_)
      if (!entries_[position_ / 2].disqualified) return Request{position_ / 2, position_ % 2 == 1};
    end_round();
  }
  return std::nullopt;
}

void Tuner::record(double time) {
  Entry& tactic = entries_[position_ / 2];
  (position_ % 2 ? tactic.cold : tactic.warm).push_back(time);
  ++position_;
}

void Tuner::disqualify() {
  entries_[position_ / 2] = {.warm = {}, .cold = {}, .disqualified = true};
  ++position_;
}

void Tuner::end_round() {
  position_ = 0;
  if (++round_ < options_.rounds_to_trust) return;
  const double limit = time_of(*best()) * options_.drop_beyond;
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (!entries_[i].disqualified && time_of(i) > limit) entries_[i].disqualified = true;
  if (remaining() == 1) round_ = options_.rounds;
}

std::optional<std::size_t> Tuner::best() const {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (measured(entries_[i]) && (!best || time_of(i) < time_of(*best))) best = i;
  return best;
}

double Tuner::time_of(std::size_t tactic) const {
  const Entry& of = entries_[tactic];
  return (median(of.warm) + median(of.cold)) / 2;
}

std::size_t Tuner::remaining() const {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [](const Entry& c) { return !c.disqualified; }));
}

}  // namespace peregrine::cuda
