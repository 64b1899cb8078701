#include "tools/audit/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "peregrine/error.h"
#if PEREGRINE_CUDA
#include "tools/audit/cuda/recorder.h"
#endif

namespace peregrine::audit {

namespace {

using Json = nlohmann::ordered_json;

// The names under which the pipeline enters its input and its results into the transfer log.
constexpr std::array<std::string_view, 3> input_names{"jpeg", "pixels", "image descriptors"};
constexpr std::array<std::string_view, 3> result_names{"results", "person count", "embeddings"};

void evaluate_direction(std::span<const NamedBytes> transfers, std::span<const std::string_view> allowed,
                        std::string_view where, std::vector<std::string>& violations) {
  for (const NamedBytes& transfer : transfers)
    if (std::ranges::find(allowed, transfer.name) == allowed.end())
      violations.push_back(fmt::format("{} ({} bytes) went {}", transfer.name, transfer.bytes, where));
}

/// Calls `take` with each result; an error of an image ends the audit.
void run_once(Pipeline& pipeline, const std::vector<std::string>& sources, const std::function<bool()>& stop,
              const std::function<void(const ImageResult&)>& take) {
  pipeline.run(sources, [&](const FrameResult& frame_result) {
    if (frame_result.error) throw Error(*frame_result.error);
    if (frame_result.result) take(*frame_result.result);
    return !stop();
  });
}

Json activity_json(const Activity& activity) {
  Json copies = Json::array(), kernels = Json::array();
  for (const CopySum& sum : sum_up(activity.copies))
    copies.push_back(
        {{"way", to_string(sum.kind)}, {"range", sum.range}, {"copies", sum.copies}, {"bytes", sum.bytes}});
  for (const Kernel& kernel : activity.kernels)
    kernels.push_back({{"name", kernel.name},
                       {"range", kernel.range},
                       {"launches", kernel.launches},
                       {"in_graphs", kernel.in_graphs}});
  return {{"library", activity.library},
          {"copies", std::move(copies)},
          {"memsets", activity.memsets},
          {"kernels",
           {{"launches", activity.launches()},
            {"in_graphs", activity.launches_in_graphs()},
            {"list", std::move(kernels)}}},
          {"dropped", activity.dropped}};
}

/// What the process did since it was last asked; empty where CUPTI is missing or refuses, and the report says
/// why.
std::function<Activity()> watch([[maybe_unused]] AuditReport& report) {
#if PEREGRINE_CUDA
  if (report.info.device.starts_with("cuda:")) try {
      return [recorder = std::make_shared<ActivityRecorder>()] { return recorder->take(); };
    } catch (const Error& error) {
      report.activity_missing = error.what();
    }
#endif
  return {};
}

}  // namespace

bool AuditReport::passed() const {
  return violations.empty() && !frames.empty() &&
         std::ranges::all_of(frames, [](const FrameAudit& frame) { return frame.violations.empty(); });
}

std::vector<std::string> evaluate(const ImageResult& result) {
  std::vector<std::string> violations;
  evaluate_direction(result.host_to_device, input_names, "to the device and is not the input", violations);
  evaluate_direction(result.device_to_host, result_names, "to the host and is no final result", violations);
  return violations;
}

AuditReport run(const Settings& settings, const PipelineOptions& options,
                const std::vector<std::string>& sources, const std::function<bool()>& stop) {
  for (const std::string& source : sources)
    if (source == "-" || source.find("://") != std::string::npos)
      throw Error("usage.source",
                  fmt::format("{} cannot be audited: it would have to be read twice.", source),
                  "Name images or a video file.");
  Pipeline pipeline(settings, options);
  AuditReport report;
  report.info = pipeline.info();
  const auto activity = watch(report);  // not before: tuning must not be disturbed
  run_once(pipeline, sources, stop, [](const ImageResult&) {});
  if (activity) activity();  // of the warm-up
  run_once(pipeline, sources, stop, [&](const ImageResult& result) {
    report.frames.push_back({result.path, result.frame, result.host_to_device, result.device_to_host,
                             result.host_decoded, evaluate(result)});
  });
  report.info = pipeline.info();
  if (!report.info.device.starts_with("cuda:"))
    report.violations.push_back(
        fmt::format("the {} engine ran on the CPU: nothing was on a GPU", report.info.engine));
  if (activity) {
    report.activity = activity();
    const std::vector<std::string> unknown = evaluate(report.frames, *report.activity);
    report.violations.insert(report.violations.end(), unknown.begin(), unknown.end());
  }
  for (const Fallback& fallback : report.info.fallbacks)
    report.violations.push_back(fmt::format("not on the GPU: {}: {}", fallback.step, fallback.why));
  return report;
}

std::string to_json(const AuditReport& report) {
  const auto transfers = [](const std::vector<NamedBytes>& list) {
    Json json = Json::array();
    for (const NamedBytes& transfer : list)
      json.push_back({{"name", transfer.name}, {"bytes", transfer.bytes}});
    return json;
  };
  Json json{{"engine", report.info.engine},
            {"device", report.info.device},
            {"precision", to_string(report.info.precision)},
            {"passed", report.passed()},
            {"violations", report.violations},
            {"images", Json::array()}};
  for (const FrameAudit& frame : report.frames) {
    Json one{{"path", frame.path}};
    if (frame.frame >= 0) one["frame"] = frame.frame;
    one["transfers"] = {{"host_to_device", transfers(frame.host_to_device)},
                        {"device_to_host", transfers(frame.device_to_host)}};
    one["host_decoded"] = frame.host_decoded;
    one["violations"] = frame.violations;
    json["images"].push_back(std::move(one));
  }
  if (report.activity)
    json["cupti"] = activity_json(*report.activity);
  else if (!report.activity_missing.empty())
    json["cupti"] = {{"missing", report.activity_missing}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace peregrine::audit
