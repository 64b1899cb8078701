#include <algorithm>
#include <cmath>
#include <random>

#include "tools/validate/coco_evaluation.h"

namespace peregrine::validate {

namespace {

/// Draws: their spread is known to a thirtieth of itself then.
constexpr std::size_t draws = 400;

}  // namespace

PrecisionNoise noise_of_difference(const PrecisionSheet& before, const PrecisionSheet& after) {
  PrecisionNoise noise{.images = before.images()};
  if (noise.images == 0) return noise;
  std::mt19937_64 random(20'170'725);  // NOLINT(cert-msc51-cpp): the same draws in every run
  std::vector<double> differences;
  double sum = 0, squares = 0;
  for (std::size_t draw = 0; draw < draws; ++draw) {
    std::vector<int> times(static_cast<std::size_t>(noise.images));
    for (std::size_t i = 0; i < times.size(); ++i) ++times[random() % times.size()];
    differences.push_back(before.average(times) - after.average(times));
    sum += differences.back();
    squares += differences.back() * differences.back();
  }
  std::ranges::sort(differences);
  const double mean = sum / draws;
  noise.standard_error = std::sqrt(std::max(0.0, (squares / draws - mean * mean) * draws / (draws - 1)));
  noise.low = differences[draws / 40];
  noise.high = differences[draws - 1 - draws / 40];
  return noise;
}

}  // namespace peregrine::validate
