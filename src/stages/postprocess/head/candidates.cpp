#include "stages/postprocess/head/candidates.h"

#include <algorithm>

#include "stages/postprocess/nms/nms_math.h"

namespace peregrine::postprocess {
namespace {

bool better(const Candidate& a, const Candidate& b) {
  return comes_before(a.confidence, a.anchor, a.class_id, b.confidence, b.anchor, b.class_id);
}

float value(float v) { return v; }
float value(Half v) { return to_float(v); }

/// Highest class value of every cell of a row. Class by class: where columns are dense this runs at memory
/// speed.
template <class T>
void row_maxima(const FeatureMap& map, int row, std::vector<float>& highest) {
  std::fill(highest.begin(), highest.end(), -INFINITY);
  float* best = highest.data();
  for (int c = 0; c < map.channels; ++c) {
    const T* values = static_cast<const T*>(map.data) + c * map.channel_stride + row * map.row_stride;
    for (int x = 0; x < map.width; ++x) {
      const float v = value(values[x * map.column_stride]);
      best[x] = v > best[x] ? v : best[x];
    }
  }
}

class Selector {
 public:
  Selector(const Options& options, int classes)
      : options_(options),
        bound_(logit_bound(options.confidence)),
        wanted_(classes, options.classes.empty()) {
    for (const int c : options.classes)
      if (c >= 0 && c < classes) wanted_[c] = true;
  }

  void scan(const PyramidLevel& level) {
    const float bound = level.decoded ? options_.confidence : bound_;
    std::vector<float> highest(static_cast<std::size_t>(level.classes.width));
    for (int row = 0; row < level.classes.height; ++row) {
      if (level.classes.half)
        row_maxima<Half>(level.classes, row, highest);
      else
        row_maxima<float>(level.classes, row, highest);
      for (int column = 0; column < level.classes.width; ++column)
        if (highest[column] > bound) take_anchor(level, row, column, highest[column]);
    }
  }

  std::vector<Candidate> finish() && {
    if (found_.size() > max_candidates) {
      std::nth_element(found_.begin(), found_.begin() + max_candidates, found_.end(), better);
      found_.resize(max_candidates);
    }
    std::sort(found_.begin(), found_.end(), better);
    return std::move(found_);
  }

 private:
  void take_anchor(const PyramidLevel& level, int row, int column, float highest) {
    const std::size_t before = found_.size();
    const int anchor = level.first_anchor + row * level.classes.width + column;
    for (int c = 0; c < level.classes.channels; ++c) {
      const float v = level.classes.at(c, row, column);
      const bool candidate = options_.multi_label || v == highest;
      if (candidate && wanted_[c] && level.score(v) > options_.confidence)
        found_.push_back({{}, level.score(v), c, anchor});
      if (!options_.multi_label && v == highest) break;
    }
    if (found_.size() == before) return;
    const Corners b = corners(level.box_at(row, column));
    for (std::size_t i = before; i < found_.size(); ++i) found_[i].box = {b.x1, b.y1, b.x2, b.y2};
  }

  const Options& options_;
  float bound_;
  std::vector<bool> wanted_;
  std::vector<Candidate> found_;
};

}  // namespace

std::vector<Candidate> decode_and_threshold(const HeadView& head, const Options& options) {
  Selector selector(options, head.levels.front().classes.channels);
  for (const PyramidLevel& level : head.levels) selector.scan(level);
  return std::move(selector).finish();
}

}  // namespace peregrine::postprocess
