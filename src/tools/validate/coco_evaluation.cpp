#include "tools/validate/coco_evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "tools/validate/coco_overlap.h"

namespace peregrine::validate {

namespace {

constexpr int overlap_count = 10, recall_count = 101;

// As numpy spaces them: the last bit decides when an overlap equals a threshold.
double overlap_threshold(int i) { return 0.5 + i * ((0.95 - 0.5) / (overlap_count - 1)); }
double recall_threshold(int i) { return i * (1.0 / (recall_count - 1)); }

struct AreaRange {
  double low, high;
  bool holds(double area) const { return area >= low && area <= high; }
};
constexpr double unbounded = 1e10;
constexpr AreaRange every_area{0, unbounded}, small_area{0, 32 * 32}, medium_area{32 * 32, 96 * 96},
    large_area{96 * 96, unbounded};

/// Detections and ground truth of one category in one image, with all overlaps; detections by falling score.
struct Cell {
  std::vector<const CocoAnnotation*> truth;
  std::vector<const CocoDetection*> detections;
  std::vector<std::vector<double>> overlaps;  ///< [detection][truth]
};

/// One detection after matching, at each overlap threshold.
struct Judged {
  std::int64_t image = 0;
  double score = 0;
  std::array<bool, overlap_count> hit{}, ignored{};
};

struct CategoryMatches {
  std::vector<Judged> detections;
  std::map<std::int64_t, int>
      wanted;  ///< ground truth that counts, by image; images without any are not there
  int all_wanted() const {
    return std::accumulate(wanted.begin(), wanted.end(), 0,
                           [](int sum, const auto& image) { return sum + image.second; });
  }
};

/// An image's, by falling score.
std::size_t most_counted(Metric metric) { return metric == Metric::keypoints ? 20 : 100; }

bool never_counts(const CocoAnnotation& truth, Metric metric) {
  return truth.crowd || (metric == Metric::keypoints && truth.labelled_keypoints == 0);
}

/// Greedy matching of one cell: each detection takes the free object it overlaps most; one that only fits
/// ignored objects is ignored itself.
void judge(const Cell& cell, std::int64_t image, const AreaRange& range, Metric metric,
           std::size_t most_detections, CategoryMatches& out) {
  std::vector<std::size_t> order(cell.truth.size());
  std::iota(order.begin(), order.end(), 0);
  const auto ignored = [&](std::size_t t) {
    return never_counts(*cell.truth[t], metric) || !range.holds(cell.truth[t]->area);
  };
  std::ranges::stable_sort(order, {}, ignored);
  if (const auto wanted = std::ranges::count_if(order, [&](std::size_t t) { return !ignored(t); });
      wanted > 0)
    out.wanted[image] = static_cast<int>(wanted);
  const std::size_t count = std::min(cell.detections.size(), most_detections);
  const std::size_t first = out.detections.size();
  for (std::size_t d = 0; d < count; ++d)
    out.detections.push_back({image, cell.detections[d]->score, {}, {}});
  for (int i = 0; i < overlap_count; ++i) {
    std::vector<bool> taken(cell.truth.size());
    for (std::size_t d = 0; d < count; ++d) {
      double best = std::min(overlap_threshold(i), 1 - 1e-10);
      std::ptrdiff_t match = -1;
      for (std::size_t t : order) {
        if (taken[t] && !cell.truth[t]->crowd) continue;
        if (match >= 0 && !ignored(static_cast<std::size_t>(match)) && ignored(t)) break;
        if (cell.overlaps[d][t] < best) continue;
        best = cell.overlaps[d][t];
        match = static_cast<std::ptrdiff_t>(t);
      }
      Judged& judged = out.detections[first + d];
      const auto at = static_cast<std::size_t>(i);
      if (match >= 0) {
        taken[static_cast<std::size_t>(match)] = true;
        judged.hit[at] = true;
        judged.ignored[at] = ignored(static_cast<std::size_t>(match));
      } else {
        judged.ignored[at] = !range.holds(area_of(*cell.detections[d], metric));
      }
    }
  }
}

/// Precision at the 101 recalls, and the highest recall, for one category at one overlap.
struct Curve {
  std::array<double, recall_count> precision{};
  double recall = 0;
};

/// Recall and precision from one detection to the next.
class CurveBuilder {
 public:
  void add(double hits, double misses, double wanted) {
    recalls_.push_back(hits / wanted);
    precisions_.push_back(hits / (misses + hits + std::numeric_limits<double>::epsilon()));
  }

  /// Precision is made monotone; the walk is over.
  Curve curve() {
    for (std::size_t i = precisions_.size(); i-- > 1;)
      precisions_[i - 1] = std::max(precisions_[i - 1], precisions_[i]);
    Curve curve;
    if (!recalls_.empty()) curve.recall = recalls_.back();
    for (int r = 0; r < recall_count; ++r) {
      const auto reached = std::ranges::lower_bound(recalls_, recall_threshold(r));
      if (reached == recalls_.end()) break;
      curve.precision[static_cast<std::size_t>(r)] =
          precisions_[static_cast<std::size_t>(reached - recalls_.begin())];
    }
    return curve;
  }

 private:
  std::vector<double> recalls_, precisions_;
};

Curve curve_of(const CategoryMatches& matches, int overlap_index) {
  const auto at = static_cast<std::size_t>(overlap_index);
  const double wanted = matches.all_wanted();
  CurveBuilder walk;
  double hits = 0, misses = 0;
  for (const Judged& judged : matches.detections) {
    if (!judged.ignored[at]) (judged.hit[at] ? hits : misses) += 1;
    walk.add(hits, misses, wanted);
  }
  return walk.curve();
}

/// Mean over what was added; -1 of nothing.
class Mean {
 public:
  void add(double value) { sum_ += value, ++count_; }
  double value() const { return count_ ? sum_ / count_ : -1; }

 private:
  double sum_ = 0;
  int count_ = 0;
};

class Evaluation {
 public:
  Evaluation(const CocoDataset& truth, const std::vector<CocoDetection>& detections, Metric metric)
      : metric_(metric) {
    for (const CocoAnnotation& annotation : truth.annotations)
      cell_of(annotation.category_id, annotation.image_id).truth.push_back(&annotation);
    for (const CocoDetection& detection : detections)
      cell_of(detection.category_id, detection.image_id).detections.push_back(&detection);
    for (auto& [category, cells] : cells_)
      for (auto& [image, cell] : cells) prepare(cell);
  }

  /// What each category's detections came to, by falling score; those without ground truth that counts are
  /// left out.
  template <class Take>
  void each_category(const AreaRange& range, std::size_t most_detections, Take take) const {
    for (const auto& [category, cells] : cells_) {
      CategoryMatches matches;
      for (const auto& [image, cell] : cells) judge(cell, image, range, metric_, most_detections, matches);
      if (matches.wanted.empty()) continue;
      std::ranges::stable_sort(matches.detections, std::ranges::greater{}, &Judged::score);
      take(matches);
    }
  }

  struct Averages {
    double precision = -1, recall = -1, precision50 = -1, precision75 = -1;
  };

  Averages averages(const AreaRange& range, std::size_t most_detections) const {
    Mean precision, recall, precision50, precision75;
    each_category(range, most_detections, [&](const CategoryMatches& matches) {
      for (int i = 0; i < overlap_count; ++i) {
        const Curve curve = curve_of(matches, i);
        recall.add(curve.recall);
        for (double value : curve.precision) {
          precision.add(value);
          if (i == 0) precision50.add(value);
          if (i == 5) precision75.add(value);
        }
      }
    });
    return {precision.value(), recall.value(), precision50.value(), precision75.value()};
  }

 private:
  Cell& cell_of(std::int64_t category, std::int64_t image) { return cells_[category][image]; }

  void prepare(Cell& cell) const {
    std::ranges::stable_sort(cell.detections, std::ranges::greater{},
                             [](const CocoDetection* d) { return d->score; });
    for (const CocoDetection* detection : cell.detections) {
      auto& row = cell.overlaps.emplace_back();
      for (const CocoAnnotation* annotation : cell.truth)
        row.push_back(overlap(*detection, *annotation, metric_));
    }
  }

  Metric metric_;
  std::map<std::int64_t, std::map<std::int64_t, Cell>>
      cells_;  ///< category -> image -> cell, both rising as COCO orders them
};

}  // namespace

CocoSummary evaluate(const CocoDataset& truth, const std::vector<CocoDetection>& detections, Metric metric) {
  const Evaluation evaluation(truth, detections, metric);
  const std::size_t most = most_counted(metric);
  const auto all = evaluation.averages(every_area, most);
  const auto medium = evaluation.averages(medium_area, most), large = evaluation.averages(large_area, most);
  CocoSummary summary{.ap = all.precision,
                      .ap50 = all.precision50,
                      .ap75 = all.precision75,
                      .ap_medium = medium.precision,
                      .ap_large = large.precision,
                      .ar100 = all.recall,
                      .ar_medium = medium.recall,
                      .ar_large = large.recall};
  if (metric == Metric::keypoints) return summary;
  const auto small = evaluation.averages(small_area, most);
  summary.ap_small = small.precision;
  summary.ar_small = small.recall;
  summary.ar1 = evaluation.averages(every_area, 1).recall;
  summary.ar10 = evaluation.averages(every_area, 10).recall;
  return summary;
}

PrecisionSheet::PrecisionSheet(const CocoDataset& truth, const std::vector<CocoDetection>& detections,
                               Metric metric) {
  std::map<std::int64_t, int> places;
  const auto place = [&](std::int64_t image) {
    return places.emplace(image, static_cast<int>(places.size())).first->second;
  };
  for (const CocoImage& image : truth.images) place(image.id);
  Evaluation(truth, detections, metric)
      .each_category(every_area, most_counted(metric), [&](const CategoryMatches& matches) {
        Category& category = categories_.emplace_back();
        for (const auto& [image, wanted] : matches.wanted) category.wanted.emplace_back(place(image), wanted);
        for (const Judged& judged : matches.detections) {
          Row row{place(judged.image), 0, 0};
          for (std::size_t i = 0; i < overlap_count; ++i) {
            const auto bit = static_cast<std::uint16_t>(1U << i);
            if (judged.hit[i]) row.hit |= bit;
            if (!judged.ignored[i]) row.counts |= bit;
          }
          if (row.counts != 0) category.rows.push_back(row);
        }
      });
  images_ = static_cast<int>(places.size());
}

double PrecisionSheet::average(std::span<const int> times) const {
  Mean precision;
  for (const Category& category : categories_) {
    double wanted = 0;
    for (const auto& [image_id, count] : category.wanted)
      wanted += times[static_cast<std::size_t>(image_id)] * count;
    if (wanted == 0) continue;
    for (unsigned i = 0; i < overlap_count; ++i) {
      CurveBuilder walk;
      double hits = 0, misses = 0;
      for (const Row& row : category.rows) {
        const int so_often = times[static_cast<std::size_t>(row.image)];
        if (so_often == 0 || (row.counts >> i & 1) == 0) continue;
        ((row.hit >> i & 1) != 0 ? hits : misses) += so_often;
        walk.add(hits, misses, wanted);
      }
      for (const double value : walk.curve().precision) precision.add(value);
    }
  }
  return precision.value();
}

}  // namespace peregrine::validate
