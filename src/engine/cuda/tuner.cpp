#include "engine/cuda/tuner.h"

#include <algorithm>

namespace peregrine::cuda {

namespace {

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

Tuner::Tuner(std::size_t candidates, TunerOptions options) : options_(options), candidates_(candidates) {}

std::optional<Tuner::Question> Tuner::next() {
  while (round_ < options_.rounds && left() > 0) {
    for (; position_ < candidates_.size() * 2; ++position_)
      if (!candidates_[position_ / 2].out) return Question{position_ / 2, position_ % 2 == 1};
    end_round();
  }
  return std::nullopt;
}

void Tuner::answer(double time) {
  Candidate& candidate = candidates_[position_ / 2];
  (position_ % 2 ? candidate.cold : candidate.warm).push_back(time);
  ++position_;
}

void Tuner::reject() {
  candidates_[position_ / 2] = {.warm = {}, .cold = {}, .out = true};
  ++position_;
}

void Tuner::end_round() {
  position_ = 0;
  if (++round_ < options_.rounds_to_trust) return;
  const double limit = time_of(*best()) * options_.drop_beyond;
  for (std::size_t i = 0; i < candidates_.size(); ++i)
    if (!candidates_[i].out && time_of(i) > limit) candidates_[i].out = true;
  if (left() == 1) round_ = options_.rounds;
}

std::optional<std::size_t> Tuner::best() const {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < candidates_.size(); ++i)
    if (measured(candidates_[i]) && (!best || time_of(i) < time_of(*best))) best = i;
  return best;
}

double Tuner::time_of(std::size_t candidate) const {
  const Candidate& of = candidates_[candidate];
  return (median(of.warm) + median(of.cold)) / 2;
}

std::size_t Tuner::left() const {
  return static_cast<std::size_t>(
      std::count_if(candidates_.begin(), candidates_.end(), [](const Candidate& c) { return !c.out; }));
}

}  // namespace peregrine::cuda
