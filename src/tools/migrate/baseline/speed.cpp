#include "tools/migrate/baseline/speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/os/child.h"
#include "core/task/task_traits.h"
#include "core/text.h"
#include "peregrine/error.h"
#include "tools/migrate/baseline/images.h"
#include "tools/migrate/baseline/measure.h"
#include "tools/migrate/baseline/persons.h"
#include "tools/migrate/baseline/pytorch.h"

namespace peregrine::migrate {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// What both sides run on.
struct Subjects {
  explicit Subjects(const SpeedRequest& request) {
    if (traits_of(request.model_info).embeds)
      persons.emplace(request.images);
    else
      images.emplace(request.images);
  }
  const std::vector<fs::path>& files() const { return persons ? persons->files() : images->files(); }

  std::optional<ImageSet> images;
  std::optional<Persons> persons;
};

/// Words that build and bench share.
std::vector<std::string> engine_words(const SpeedRequest& request, std::optional<Precision> precision,
                                      int batch) {
  const Settings& settings = request.settings;
  std::vector<std::string> words{"--quiet",
                                 "--engine",
                                 request.engine,
                                 "--batch",
                                 std::to_string(batch),
                                 "--store",
                                 settings.store.native(),
                                 "--device",
                                 fmt::format("cuda:{}", settings.device)};
  if (!settings.force_gpu_only) words.emplace_back("--allow-cpu");
  if (precision) words.insert(words.end(), {"--precision", to_string(*precision)});
  if (settings.imgsz) words.insert(words.end(), {"--imgsz", to_string(*settings.imgsz)});
  if (!request.model_info.told_task.empty())
    words.insert(words.end(), {"--task", request.model_info.told_task});
  return words;
}

/// So that the measured process finds the engine in the store, verified on the images of the migration, and
/// its start-up is that of every day. What goes wrong here goes wrong there again.
void build_before(const SpeedRequest& request, const std::vector<std::string>& words) {
  if (traits_of(request.model_info).embeds)
    return;  // bench asks for the engine that serves; build makes those of one batch
  std::vector<std::string> command{request.executable.native(), "build", request.model.native()};
  command.insert(command.end(), words.begin(), words.end());
  for (const fs::path& image : request.images) command.insert(command.end(), {"--images", image.native()});
  (void)run_measured(command, request.limit, request.stop);
}

/// Our own command at one batch, in a fresh process, which gives start-up and memory of its own. Throws
/// "migration.measure".
Speed measure_batch(const SpeedRequest& request, std::optional<Precision> precision, int batch,
                    const std::vector<fs::path>& images) {
  const std::vector<std::string> words = engine_words(request, precision, batch);
  build_before(request, words);
  std::vector<std::string> command{request.executable.native(), "bench", "--model", request.model.native()};
  command.insert(command.end(), words.begin(), words.end());
  if (request.unverified) command.emplace_back("--unverified");
  command.insert(command.end(), {"--runs", std::to_string(request.runs), "--json", "-"});
  for (const fs::path& image : images) command.insert(command.end(), {"--source", image.native()});
  const ChildResult run = run_measured(command, request.limit, request.stop);
  const Json json = Json::parse(run.out, nullptr, false);
  if (!succeeded(run) || !json.is_object())
    throw Error("migration.measure",
                fmt::format("{} could not be measured: {}.", printable(request.model.filename().native()),
                            why_failed(run, "peregrine bench", request.limit)));
  const Json& entry = json.at("measurements").at(0);
  const Json& latency = entry.at("latency_ms");
  const bool on_gpu = entry.contains("device_mib") && entry.at("engine") != "openvino";
  return {
      fmt::format("{} {}", entry.at("engine").get<std::string>(), entry.at("precision").get<std::string>()),
      batch,
      latency.at("p50"),
      latency.at("p90"),
      latency.at("p99"),
      entry.at("start_up_ms"),
      on_gpu ? entry.at("device_mib") : entry.at("peak_rss_mib")};
}

struct Measured {
  std::vector<Speed> speeds;
  std::string left_out;  ///< why larger batches are missing
};

Measured measure_engine(const SpeedRequest& request, std::optional<Precision> precision,
                        const std::vector<fs::path>& images) {
  Measured measured;
  for (const int batch : request.batches) try {
      measured.speeds.push_back(measure_batch(request, precision, batch, images));
    } catch (const Error& error) {
      if (measured.speeds.empty() || error.code() != "migration.measure") throw;
      measured.left_out += fmt::format(" Batch {}: {}", batch, error.sentence());
    }
  return measured;
}

/// Why PyTorch could not be measured, or nothing. On a GPU its FP16 is measured too, and validated against
/// its FP32; where that alone fails, the note says so.
std::string try_pytorch(const SpeedRequest& request, bool on_gpu, const Subjects& subjects,
                        BaselineComparison& comparison) {
  const doctor::FoundPython python =
      doctor::find_python(request.python, answer_limit(request.limit), request.stop);
  if (std::string why = unfit(python, request); !why.empty()) return why;
  const auto run = [&](bool half) {
    return subjects.persons ? run_osnet(request, python, on_gpu, half, *subjects.persons)
                            : run_detector(request, python, on_gpu, half, subjects.files());
  };
  auto& [speed, pytorch] = comparison;
  const PyTorchRun fp32 = run(false);
  if (!fp32.why.empty()) return fp32.why;
  speed.baseline = fp32.speeds;
  speed.note =
      fmt::format("Beside {}, in this run, {}.", speed.baseline.front().subject,
                  subjects.persons ? "from decoded persons to embeddings, OSNet written out in plain PyTorch"
                                   : "from files to results");
  if (!on_gpu) {
    pytorch.note = "PyTorch's own FP16: not available on this CPU.";
    return {};
  }
  const PyTorchRun fp16 = run(true);
  if (!fp16.why.empty()) {
    pytorch.note = fmt::format("PyTorch's own FP16 could not be measured: {}.", fp16.why);
    speed.note += fmt::format(" Its FP16 could not be measured: {}.", fp16.why);
    return {};
  }
  speed.baseline.insert(speed.baseline.end(), fp16.speeds.begin(), fp16.speeds.end());
  pytorch = accuracy_of(fp32, fp16, request.model_info.task, request.settings.limits);
  return {};
}

std::string evaluate(const SpeedComparison& comparison) {
  const auto speed_up = comparison.speed_up();
  if (!speed_up || *speed_up >= claimed_speed_up) return {};
  const auto fastest = std::ranges::min_element(comparison.baseline, {}, [&](const Speed& speed) {
    return speed.batch == comparison.engine.front().batch ? speed.p50_ms : 1e30;
  });
  return fmt::format(
      "{} is {:.2f} times as fast as {} ({:.2f} ms and {:.2f} ms at batch {}): less than the {:g} times "
      "claimed.",
      comparison.engine.front().subject, *speed_up, fastest->subject, comparison.engine.front().p50_ms,
      fastest->p50_ms, comparison.engine.front().batch, claimed_speed_up);
}

}  // namespace

std::optional<double> SpeedComparison::speed_up() const {
  if (engine.empty() || engine.front().p50_ms <= 0) return std::nullopt;
  std::optional<double> fastest;
  for (const Speed& speed : baseline)
    if (speed.batch == engine.front().batch && speed.subject != engine.front().subject)
      fastest = std::min(fastest.value_or(speed.p50_ms), speed.p50_ms);
  if (!fastest) return std::nullopt;
  return *fastest / engine.front().p50_ms;
}

BaselineComparison compare_with_baseline(const SpeedRequest& request) {
  const Subjects subjects(request);
  BaselineComparison comparison;
  SpeedComparison& speed = comparison.speed;
  const Measured engine = measure_engine(request, request.settings.precision, subjects.files());
  speed.engine = engine.speeds;
  const bool on_gpu = !speed.engine.front().subject.starts_with("openvino");
  std::string why = "the FP32 engine was asked for";
  if (request.baseline != Baseline::fp32) why = try_pytorch(request, on_gpu, subjects, comparison);
  if (!why.empty() && request.baseline == Baseline::pytorch)
    throw Error("environment.python", fmt::format("PyTorch cannot be measured: {}.", why),
                "Name a Python that has torch and ultralytics with --python, or leave out --baseline.");
  if (!why.empty()) {
    const Measured reference = measure_engine(request, Precision::fp32, subjects.files());
    speed.baseline = reference.speeds;
    const bool same = speed.baseline.front().subject == speed.engine.front().subject;
    speed.note = fmt::format("Beside the FP32 engine, not PyTorch: {}.{}{}", why,
                             same ? " The engine is that engine: there is no speed-up to state." : "",
                             reference.left_out);
    comparison.pytorch.note = fmt::format("PyTorch's own FP16 was not measured: {}.", why);
  }
  speed.note += engine.left_out;
  speed.warning = evaluate(speed);
  return comparison;
}

std::chrono::milliseconds answer_limit(std::chrono::milliseconds limit) {
  return std::min(limit, std::chrono::milliseconds(20'000));
}

}  // namespace peregrine::migrate
