#include "migrate/speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/child.h"
#include "migrate/pictures.h"
#include "migrate/python.h"
#include "peregrine/error.h"

namespace peregrine::migrate {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* baseline_script =
#include "migrate_baseline.inc"
    ;

/// What a program printed last, when that is a JSON object; null otherwise.
Json last_object(const std::string& out) {
  const std::size_t end = out.find_last_not_of('\n');
  if (end == std::string::npos) return nullptr;
  const std::size_t begin = out.rfind('\n', end);
  const Json json = Json::parse(out.substr(begin == std::string::npos ? 0 : begin + 1), nullptr, false);
  return json.is_object() ? json : Json(nullptr);
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return printable(text.substr(text.rfind('\n') + 1));
}

std::string why_failed(const ChildResult& run, const std::string& program, std::chrono::milliseconds limit) {
  if (!run.started) return fmt::format("{} could not be started", program);
  if (run.timed_out) return fmt::format("{} was not done after {} s", program, std::chrono::duration<double>(limit).count());
  return fmt::format("{} ended with status {}: {}", program, run.status, last_line(run.err));
}

ChildResult measured(const std::vector<std::string>& command, const SpeedRequest& request) {
  ChildResult run = run_child(command, request.limit, {}, request.stop);
  if (run.stopped) throw Error("interrupted", "Interrupted while speed was measured.");
  return run;
}

/// Our own command in one precision; each batch in a fresh process, which gives start-up and memory of its own.
std::vector<Speed> measure_engine(const SpeedRequest& request, std::optional<Precision> precision,
                                  const std::vector<fs::path>& pictures) {
  const Settings& settings = request.settings;
  std::vector<Speed> speeds;
  for (const int batch : request.batches) {
    std::vector<std::string> command{request.executable.native(),
                                     "bench",
                                     "--quiet",
                                     "--model",
                                     request.model.native(),
                                     "--engine",
                                     request.engine,
                                     "--batch",
                                     std::to_string(batch),
                                     "--runs",
                                     std::to_string(request.runs),
                                     "--json",
                                     "-",
                                     "--store",
                                     settings.store.native(),
                                     "--device",
                                     fmt::format("cuda:{}", settings.device)};
    if (!settings.force_gpu_only) command.emplace_back("--allow-cpu");
    if (precision) command.insert(command.end(), {"--precision", to_string(*precision)});
    if (settings.imgsz) command.insert(command.end(), {"--imgsz", std::to_string(*settings.imgsz)});
    for (const fs::path& picture : pictures) command.insert(command.end(), {"--source", picture.native()});
    const ChildResult run = measured(command, request);
    const Json json = Json::parse(run.out, nullptr, false);
    if (run.timed_out || run.status != 0 || !json.is_object())
      throw Error("migration.measure", fmt::format("{} could not be measured: {}.", printable(request.model.filename().native()),
                                                   why_failed(run, "peregrine bench", request.limit)));
    const Json& entry = json.at("measurements").at(0);
    const Json& latency = entry.at("latency_ms");
    const bool on_gpu = entry.contains("device_mib") && entry.at("engine") != "openvino";
    speeds.push_back({fmt::format("{} {}", entry.at("engine").get<std::string>(), entry.at("precision").get<std::string>()),
                      batch, latency.at("p50"), latency.at("p90"), latency.at("p99"), entry.at("start_up_ms"),
                      on_gpu ? entry.at("device_mib") : entry.at("peak_rss_mib")});
  }
  return speeds;
}

/// Ultralytics in one precision, appended to `speeds`; why not, or nothing.
std::string measure_pytorch(const SpeedRequest& request, const FoundPython& python, bool on_gpu, bool half,
                            const std::vector<fs::path>& pictures, std::vector<Speed>& speeds) {
  const Settings& settings = request.settings;
  Json wish{{"model", fs::absolute(request.model).native()},
            {"device", on_gpu ? fmt::format("cuda:{}", settings.device) : std::string("cpu")},
            {"half", half},
            {"size", settings.imgsz ? Json(*settings.imgsz) : Json(nullptr)},  // null: the training size, as ours
            {"confidence", settings.model_confidence_threshold},
            {"iou", settings.iou},
            {"max_det", settings.max_det},
            {"batches", request.batches},
            {"runs", request.runs},
            {"files", Json::array()}};
  for (const fs::path& picture : pictures) wish["files"].push_back(fs::absolute(picture).native());
  const ChildResult run = measured({python.program, "-B", "-c", baseline_script, wish.dump()}, request);
  const Json answer = last_object(run.out);
  if (run.timed_out || run.status != 0 || answer.is_null()) return why_failed(run, printable(python.program), request.limit);
  const std::string subject = fmt::format("PyTorch {} eager {}", answer.value("torch", "?"), half ? "fp16" : "fp32");
  for (const Json& speed : answer.at("speeds"))
    speeds.push_back({subject, speed.at("batch"), speed.at("p50"), speed.at("p90"), speed.at("p99"), answer.at("start_ms"),
                      answer.at("memory_mb")});
  return {};
}

/// Why PyTorch could not be measured, or nothing. On a GPU its FP16 is measured too; where that alone fails, the note says so.
std::string try_pytorch(const SpeedRequest& request, bool on_gpu, const std::vector<fs::path>& pictures,
                        SpeedComparison& comparison) {
  if (request.task == Task::reid) return "Ultralytics does not run ReID checkpoints";
  if (request.model.extension() == ".onnx") return "the model is an ONNX file, no PyTorch checkpoint";
  const FoundPython python = find_python(request.python, std::min(request.limit, std::chrono::milliseconds(20'000)));
  if (!python.usable()) return python.why;
  const std::string why = measure_pytorch(request, python, on_gpu, false, pictures, comparison.baseline);
  if (!why.empty()) return why;
  comparison.note = fmt::format("Beside {}, in this run, from files to results.", comparison.baseline.front().subject);
  if (!on_gpu) return {};
  const std::string no_half = measure_pytorch(request, python, on_gpu, true, pictures, comparison.baseline);
  if (!no_half.empty()) comparison.note += fmt::format(" Its FP16 could not be measured: {}.", no_half);
  return {};
}

std::string judge(const SpeedComparison& comparison) {
  const auto speed_up = comparison.speed_up();
  if (!speed_up || *speed_up >= claimed_speed_up) return {};
  const auto fastest = std::ranges::min_element(comparison.baseline, {}, [&](const Speed& speed) {
    return speed.batch == comparison.engine.front().batch ? speed.p50_ms : 1e30;
  });
  return fmt::format("{} is {:.2f} times as fast as {} ({:.2f} ms and {:.2f} ms at batch {}): less than the {:g} times claimed.",
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

SpeedComparison compare_speed(const SpeedRequest& request) {
  const Pictures pictures(request.pictures);
  SpeedComparison comparison;
  comparison.engine = measure_engine(request, request.settings.precision, pictures.files());
  std::string why = "the FP32 engine was asked for";
  if (request.baseline != Baseline::fp32)
    why = try_pytorch(request, !comparison.engine.front().subject.starts_with("openvino"), pictures.files(), comparison);
  if (!why.empty() && request.baseline == Baseline::pytorch)
    throw Error("environment.python", fmt::format("PyTorch cannot be measured: {}.", why),
                "Name a Python that has torch and ultralytics with --python, or leave out --baseline.");
  if (!why.empty()) {
    comparison.baseline = measure_engine(request, Precision::fp32, pictures.files());
    const bool same = comparison.baseline.front().subject == comparison.engine.front().subject;
    comparison.note = fmt::format("Beside the FP32 engine, not PyTorch: {}.{}", why,
                                  same ? " The engine is that engine: there is no speed-up to state." : "");
  }
  comparison.warning = judge(comparison);
  return comparison;
}

}  // namespace peregrine::migrate
