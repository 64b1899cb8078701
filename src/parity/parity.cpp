#include "parity/parity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace peregrine::parity {

namespace {

float box_difference(const std::array<float, 4>& a, const std::array<float, 4>& b) {
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float difference = std::abs(a[i] - b[i]);
    largest = difference <= largest ? largest : difference;  // a NaN stays
  }
  return largest;
}

/// By measures().
std::vector<float> measured_of(const Object& reference, const Object& tested) {
  std::vector<float> values;
  for (const Measure& measure : measures()) values.push_back(measure.of(reference, tested));
  return values;
}

/// Pairs objects of one class, nearest boxes first; an index of -1 has no partner. Far ones are no partners:
/// half the object's size apart they are different objects.
std::vector<int> pair_up(std::span<const Object> reference, std::span<const Object> tested) {
  struct Pair {
    float distance;
    int reference, tested;
  };
  std::vector<Pair> pairs;
  for (std::size_t r = 0; r < reference.size(); ++r)
    for (std::size_t t = 0; t < tested.size(); ++t) {
      if (reference[r].class_id != tested[t].class_id) continue;
      const auto& box = reference[r].box;
      const float distance = box_difference(box, tested[t].box);
      if (distance <= std::max({box[2] - box[0], box[3] - box[1], 4.0f}) / 2)
        pairs.push_back({distance, static_cast<int>(r), static_cast<int>(t)});
    }
  std::ranges::stable_sort(pairs, {}, &Pair::distance);
  std::vector<int> partner(reference.size(), -1);
  std::vector<bool> taken(tested.size());
  for (const Pair& pair : pairs) {
    if (partner[static_cast<std::size_t>(pair.reference)] >= 0 ||
        taken[static_cast<std::size_t>(pair.tested)])
      continue;
    partner[static_cast<std::size_t>(pair.reference)] = pair.tested;
    taken[static_cast<std::size_t>(pair.tested)] = true;
  }
  return partner;
}

}  // namespace

Parity::Parity(const ParityLimits& limits, Extent extent) : limits_(limits), extent_(extent) {
  for (const Measure& measure : measures()) worst_.push_back(measure.equal());
}

void Parity::add(const ParityInput& input) {
  const std::vector<int> partner = pair_up(input.reference, input.tested);
  for (std::size_t r = 0; r < input.reference.size(); ++r)
    if (input.reference[r].confidence > limits_.min_confidence)
      evaluate(input, input.reference[r],
               partner[r] >= 0 ? &input.tested[static_cast<std::size_t>(partner[r])] : nullptr);
  for (std::size_t t = 0; t < input.tested.size(); ++t)
    if (input.tested[t].confidence > limits_.min_confidence + limits_.confidence &&
        std::ranges::find(partner, static_cast<int>(t)) == partner.end())
      ++extra_;
}

void Parity::evaluate(const ParityInput& input, const Object& reference, const Object* tested) {
  ++objects_;
  const auto lost = [&](const std::string& why) {
    deviate(input, reference, why, had_candidate(input, reference));
  };
  if (!tested) return lost("is not found");
  const float box = box_difference(reference.box, tested->box);
  const float confidence = std::abs(reference.confidence - tested->confidence);
  if (!(box <= limits_.box_px)) return lost(fmt::format("box deviates by {:.2f} px", box));
  if (!(confidence <= limits_.confidence))
    return lost(fmt::format("confidence deviates by {:.4f}", confidence));

  const std::vector<float> measured = measured_of(reference, *tested);
  if (const std::string why = wrong(measured); !why.empty())
    return deviate(input, reference, why, had_whole_candidate(input, reference));
  worst_box_px_ = std::max(worst_box_px_, box);
  worst_confidence_ = std::max(worst_confidence_, confidence);
  for (std::size_t i = 0; i < worst_.size(); ++i)
    worst_[i] = measures()[i].at_least ? std::min(worst_[i], measured[i]) : std::max(worst_[i], measured[i]);
  ++found_;
}

std::string Parity::wrong(std::span<const float> measured) const {
  for (std::size_t i = 0; i < measured.size(); ++i) {
    const Measure& measure = measures()[i];
    const float none = measure.at_least ? -INFINITY : INFINITY;
    const float limit = extent_ == Extent::all ? measure.limit(limits_) : none;
    if (!(measure.at_least ? measured[i] >= limit : measured[i] <= limit)) return measure.wrong(measured[i]);
  }
  return {};
}

bool Parity::right_box(const Object& reference, const std::array<float, 4>& box, float confidence,
                       int class_id) const {
  return class_id == reference.class_id && box_difference(box, reference.box) <= limits_.box_px &&
         std::abs(confidence - reference.confidence) <= limits_.confidence;
}

bool Parity::had_candidate(const ParityInput& input, const Object& reference) const {
  return std::ranges::any_of(input.candidates, [&](const ParityCandidate& candidate) {
    return right_box(reference, candidate.box, candidate.confidence, candidate.class_id);
  });
}

bool Parity::had_whole_candidate(const ParityInput& input, const Object& reference) const {
  if (!input.unsuppressed) return false;
  return std::ranges::any_of(input.unsuppressed(), [&](const Object& candidate) {
    return right_box(reference, candidate.box, candidate.confidence, candidate.class_id) &&
           wrong(measured_of(reference, candidate)).empty();
  });
}

void Parity::deviate(const ParityInput& input, const Object& reference, const std::string& why,
                     bool nms_tie) {
  if (nms_tie) ++nms_ties_;
  const auto& box = reference.box;
  mismatches_.push_back(
      {input.image,
       fmt::format("class {} at ({:.0f}, {:.0f}, {:.0f}, {:.0f}), confidence {:.3f}: {}", reference.class_id,
                   box[0], box[1], box[2], box[3], reference.confidence, why),
       nms_tie});
}

Parity::Share Parity::share(int count, float limit, int always_allowed) const {
  if (objects_ == 0) return {};
  const int misses =
      std::max(always_allowed, static_cast<int>(std::floor((1 - limit) * static_cast<float>(objects_))));
  const double all = objects_;
  return {count / all, (objects_ - misses) / all};
}

}  // namespace peregrine::parity
