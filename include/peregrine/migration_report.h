// A Report says what a migration did and found. It is plain data, for the HTML page, for JSON, or for a
// program of your own. Times are seconds or milliseconds as the names say, memory is MiB. An example:
//
//   for (const peregrine::migrate::StepResult& step : report.steps)
//     std::printf("%s: %s\n", step.name.c_str(), to_string(step.verdict));
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "peregrine/model_info.h"
#include "peregrine/results.h"

namespace peregrine::migrate {

/// A line of the environment's table.
struct EnvironmentRow {
  enum class Standing : std::uint8_t { good, absent, bad };  ///< absent: not there, and not needed
  std::string name, found, needed, remedy;
  Standing standing = Standing::good;
};

struct StepResult {
  enum class Verdict : std::uint8_t { passed, still_valid, warning, failed, skipped };
  std::string name;  ///< "build"
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
  double noise = 0;       ///< standard error of the value; 0: none, or not known
  bool holds() const { return at_least ? value >= limit : value <= limit; }
};

/// How fast one program runs one model.
struct Speed {
  std::string subject;  ///< "openvino fp32", "PyTorch 2.15 eager fp32"
  int batch = 1;
  double p50_ms = 0, p90_ms = 0, p99_ms = 0;  ///< a batch, files to results, warm
  double start_ms = 0;                        ///< from nothing loaded to the first result
  /// MiB. On a GPU what the driver counts after 20 runs, its context left out; on the CPU the peak of the
  /// process.
  double memory_mb = 0;
  double images_per_second() const { return p50_ms > 0 ? 1000.0 * batch / p50_ms : 0; }
};

struct SpeedComparison {
  std::vector<Speed> engine, baseline;
  std::string note;     ///< which baseline it was, and why
  std::string warning;  ///< the engine is less than twice as fast as the fastest baseline, with the numbers;
                        ///< empty: it is
  /// The first batch of each: how many times faster than the fastest baseline. Nothing where both are the
  /// same engine.
  std::optional<double> speed_up() const;
};

/// How far a layer's output deviates from the reference's.
struct LayerDeparture {
  std::string layer;
  double relative = 0;  ///< largest difference over the reference's largest value
};

struct NamedPrecision {
  std::string subject;  ///< "PyTorch 2.15 fp32"
  double value = 0;
};

/// COCO's average precision before and after: the FP32 reference's and the engine's.
struct PrecisionPair {
  std::string metric;  ///< "bbox", "segm", "keypoints"
  double before = 0, after = 0;
  int images = 0;
  /// Of before - after: how it spreads when the images are drawn anew. 95 % of the draws lie from low to
  /// high.
  double standard_error = 0, low = 0, high = 0;
  std::vector<NamedPrecision> pytorch{};  ///< what PyTorch itself gets, by Ultralytics' own validation
  double lost() const { return before - after; }
};

/// What PyTorch itself loses in FP16, for MigratedModel::checks to be seen beside: its own FP32 is the
/// reference, the images and limits are the same.
struct PyTorchAccuracy {
  std::string subject;  ///< "PyTorch 2.15 eager fp16"; empty: not measured, the note says why
  std::vector<Measure> checks;
  std::vector<std::string> mismatches;
  std::string note;  ///< "... not available on this CPU."
};

/// What an independent program made of the model's file: your PyTorch of a checkpoint, OpenVINO's own reader
/// of an ONNX file.
struct WitnessReport {
  std::string verdict;  ///< "agrees", "disagrees", "no independent witness"; empty: not validated yet
  std::string name;     ///< "PyTorch 2.15.0, Ultralytics 8.4.190"; empty where there is none
  std::string note;     ///< what was compared, or why there is none
};

struct MigratedModel {
  Task task_slot{};
  std::filesystem::path path;
  std::string name;   ///< of the model's file
  std::string facts;  ///< "YOLO11, 80 classes, 5.4 MB, stride 32, input 640x640"
  std::string engine_id, engine, precision;
  std::string validation;          ///< "passed", "failed: ...", "built, not run"
  WitnessReport witness;           ///< its numbers are among the checks
  std::vector<std::string> notes;  ///< what its builder says of it
  std::vector<Measure> checks;
  std::vector<std::string> mismatches;  ///< objects that were not found again, and why
  std::vector<PrecisionPair> average_precision;
  std::string average_precision_note;  ///< what `before` is, and why PyTorch's is missing where it is
  PyTorchAccuracy pytorch;
  SpeedComparison speed;
  std::vector<LayerDeparture> layers;  ///< in the order in which they run
};

/// An engine that this machine can build but not run; the store keeps it for a machine that can.
struct ExtraEngine {
  Task task_slot{};
  std::string engine, engine_id;  ///< engine_id: empty where it could not be built
  std::string state;              ///< "built, not run", or why there is none
};

/// An image with the results of both engines drawn on it, as JPEG files.
struct ImagePair {
  std::string name;
  std::vector<std::byte> reference, engine;
};

struct Report {
  std::string error_code;  ///< of the Error that ended it, as in error.h; empty: it is migrated, or with
                           ///< validate_only valid
  std::string verdict;     ///< one sentence
  std::string date;        ///< UTC, ISO 8601
  std::vector<EnvironmentRow> environment;
  std::vector<StepResult> steps;
  std::vector<MigratedModel> models;
  std::vector<ExtraEngine> extras;
  std::vector<ImagePair> images;
  std::vector<NamedBytes> host_to_device, device_to_host;  ///< of one image of the final inference
  std::vector<Fallback> fallbacks;
  int backup = 0;                     ///< its number; 0: none was needed
  int deployment = 0;                 ///< deployed now; 0: nothing
  std::vector<std::string> commands;  ///< to see it again

  bool good() const { return error_code.empty(); }
  /// As the command exits: 0, 1 a validation failed, 2 usage, 3 the environment or a model.
  int exit_status() const noexcept;
};

std::string to_json(const Report& report);
/// One file that needs nothing else: no script, no network. What colours say, words and signs say too.
std::string to_html(const Report& report);

}  // namespace peregrine::migrate
