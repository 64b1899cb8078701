#include "engine_cache/store/manifest.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/sha256.h"
#include "graph/graph.h"
#include "peregrine/version.h"

namespace peregrine::store {

std::string id_source(const EngineIdentity& identity);  // manifest_json.cpp

namespace {

std::string describe(const std::map<std::string, std::string>& options) {
  std::string text;
  for (const auto& [name, value] : options)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text.empty() ? "none" : text;
}

std::string short_digest(const std::string& digest) { return digest.substr(0, 12); }

}  // namespace

std::string to_string(const InputRange& range) {
  if (range.any_size) return "any size";
  const std::string size = fmt::format("x3x{}x{}", range.height, range.width);
  if (range.batch_min == range.batch_max) return std::to_string(range.batch_max) + size;
  return fmt::format("{}..{}{}, best at {}", range.batch_min, range.batch_max, size, range.batch_opt);
}

EngineIdentity identity_of(const ModelInfo& model, const graph::Graph& graph, const Builder& builder,
                           const BuildOptions& options, const InputRange& input, const std::string& driver) {
  EngineIdentity identity{.model_sha256 = model.sha256,
                          .graph_digest = graph::digest(graph),
                          .engine = builder.name(),
                          .engine_version = version,
                          .library_versions = builder.library_versions(),
                          .device_name = builder.device_name(options.device),
                          .driver = driver,
                          .precision = options.precision,
                          .input = input,
                          .options = {}};
  identity.input.any_size = options.dynamic_size;
  if (options.threads != 0) identity.options["threads"] = std::to_string(options.threads);
  if (options.workspace_bytes != BuildOptions{}.workspace_bytes)
    identity.options["workspace"] = std::to_string(options.workspace_bytes);
  if (options.optimization_level)
    identity.options["optimisation level"] = std::to_string(*options.optimization_level);
  if (options.tactics_from) identity.options["choices"] = "of another shape";
  if (!model.told_task.empty()) identity.options["task"] = model.told_task;
  if (!options.compute_capabilities.empty())
    identity.options["compute capabilities"] =
        fmt::format("{}", fmt::join(options.compute_capabilities, " "));
  return identity;
}

std::string id_of(const EngineIdentity& identity) { return sha256_hex(id_source(identity)).substr(0, 16); }

std::vector<std::string> differences(const EngineIdentity& kept, const EngineIdentity& wanted) {
  std::vector<std::string> found;
  const auto compare = [&](const auto& then, const auto& now, const char* sentence) {
    if (then != now) found.push_back(fmt::format(fmt::runtime(sentence), then, now));
  };
  compare(short_digest(kept.model_sha256), short_digest(wanted.model_sha256),
          "the model file is another one (SHA-256 {}... then, {}... now)");
  if (kept.model_sha256 == wanted.model_sha256)
    compare(short_digest(kept.graph_digest), short_digest(wanted.graph_digest),
            "the model is read into another graph ({}... then, {}... now)");
  compare(kept.engine, wanted.engine, "it is a {} engine, asked for is {}");
  compare(kept.engine_version, wanted.engine_version, "it was built by peregrine {}, this is {}");
  compare(kept.library_versions, wanted.library_versions, "it was built with {}, here is {}");
  compare(kept.device_name, wanted.device_name, "it was built for {}, this machine has {}");
  compare(std::string(to_string(kept.precision)), std::string(to_string(wanted.precision)),
          "it is {}, asked for is {}");
  compare(to_string(kept.input), to_string(wanted.input), "it takes {}, asked for is {}");
  compare(describe(kept.options), describe(wanted.options),
          "it was built with the options {}, asked for is {}");
  return found;
}

const char* to_string(Witness::Verdict verdict) noexcept {
  switch (verdict) {
    case Witness::Verdict::none: return "no independent witness";
    case Witness::Verdict::agrees: return "agrees";
    case Witness::Verdict::disagrees: return "disagrees";
  }
  return "";
}

std::string to_string(const Witness& witness) {
  return fmt::format("{}{}{} ({})", witness.name, witness.name.empty() ? "" : " ", to_string(witness.verdict),
                     witness.note);
}

bool ValidationRecord::passed() const {
  return ran && unavailable.empty() && !checks.empty() &&
         std::ranges::all_of(checks, &ValidationCheck::holds);
}

std::string verdict(const ValidationRecord& record) {
  if (!record.ran) return "built, not run";
  if (!record.unavailable.empty()) return record.unavailable;
  if (record.checks.empty()) return "failed: nothing was compared";
  std::string failed;
  for (const ValidationCheck& check : record.checks)
    if (!check.holds())
      failed += fmt::format("{} {} {:.4g} (limit {:.4g})", failed.empty() ? "" : ",", check.name, check.value,
                            check.limit);
  return failed.empty() ? "passed" : "failed:" + failed;
}

std::string utc_now() {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

}  // namespace peregrine::store
