// What a migration did and found, and the page that shows it.
#pragma once

#include <string>
#include <vector>

#include "migrate/environment_row.h"
#include "migrate/speed.h"
#include "peregrine/model_info.h"
#include "peregrine/results.h"

namespace peregrine::migrate {

struct StepResult {
  enum class Verdict : std::uint8_t { passed, still_valid, warning, failed, skipped };
  std::string name;
  Verdict verdict = Verdict::passed;
  std::string sentence;
  double seconds = 0;
};
/// "passed", "still valid", "warning", "failed", "skipped".
const char* to_string(StepResult::Verdict verdict) noexcept;

/// A number against its limit.
struct Measure {
  std::string name;  ///< "objects found again, share"
  double value = 0, limit = 0;
  bool at_least = false;  ///< the limit is a lower one
  bool holds() const { return at_least ? value >= limit : value <= limit; }
};

/// How far a layer's output lies from the reference's.
struct LayerDeparture {
  std::string layer;
  double relative = 0;  ///< largest difference over the reference's largest value
};

/// COCO's average precision before and after.
struct PrecisionPair {
  std::string metric;  ///< "bbox", "segm", "keypoints"
  double before = 0, after = 0;
};

struct MigratedModel {
  Task role{};
  std::string name;  ///< of the model's file
  std::string engine_id, engine, precision;
  std::string validation;  ///< "passed", "failed: ...", "built, not run"
  std::vector<Measure> checks;
  std::vector<std::string> departures;  ///< objects that were not found again, and why
  std::vector<PrecisionPair> average_precision;
  std::string average_precision_note;  ///< its noise
  SpeedComparison speed;
  std::vector<LayerDeparture> layers;  ///< in the order in which they run
};

/// A picture as both engines saw it: JPEG files.
struct PicturePair {
  std::string name;
  std::vector<std::byte> reference, engine;
};

struct Report {
  bool good = false;
  std::string verdict;  ///< one sentence
  std::string date;     ///< UTC, ISO 8601
  std::vector<EnvironmentRow> environment;
  std::vector<StepResult> steps;
  std::vector<MigratedModel> models;
  std::vector<PicturePair> pictures;
  std::vector<NamedBytes> host_to_device, device_to_host;  ///< of one picture of the final inference
  std::vector<std::string> commands;                       ///< to see it again
};

/// One file that needs nothing else: no script, no network. What colours say, words and signs say too.
std::string to_html(const Report& report);

}  // namespace peregrine::migrate
