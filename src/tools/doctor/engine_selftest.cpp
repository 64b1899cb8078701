#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <span>
#include <vector>

#include "core/log.h"
#include "engine/conformance/conformance.h"
#include "engine_cache/engine_cache.h"
#include "engine_cache/engine_context.h"
#include "formats/model.h"
#include "graph/passes.h"
#include "parity/parity.h"
#include "peregrine/error.h"
#include "peregrine/pipeline.h"
#include "tools/doctor/selftest.h"

namespace peregrine::doctor {

namespace {

namespace fs = std::filesystem;

/// A hundred operators in a row, in FP32.
constexpr double whole_model_tolerance = 1e-4;

SelftestCheck evaluate(const std::string& name, const conformance::CaseResult& case_result, double allowed) {
  if (!case_result.ran())
    return {name, "", "refused: " + fmt::format("{}", fmt::join(case_result.refused, " "))};
  double worst = 0;
  for (const conformance::OutputComparison& output : case_result.comparisons)
    worst = std::max(worst, output.difference);
  const std::string words = fmt::format("differs by {:.1e}, allowed {:.1e}", worst, allowed);
  return worst <= allowed ? SelftestCheck{name, "", words} : SelftestCheck{name, words};
}

/// What `work` finds, or the error that it ends in.
template <class Work>
SelftestCheck guarded_check(const std::string& name, Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    return {name, error.what()};
  }
}

std::vector<ImageResult> results_of(Pipeline& pipeline, const std::vector<std::string>& images) {
  std::vector<ImageResult> results;
  pipeline.run(images, [&](const FrameResult& frame) {
    if (frame.error) throw Error(*frame.error);
    if (frame.result) results.push_back(*frame.result);
    return true;
  });
  return results;
}

/// OpenVINO in FP32 is itself what others are validated against: its judge is the reference executor.
SelftestCheck against_executor(const fs::path& file, const engine_cache::EngineContext& context) {
  const Model model = load_model(file);
  const conformance::Case test{model.info().name, [&] {
                                 graph::Graph graph = model.graph({.batch = 1, .height = 160, .width = 160});
                                 graph::run_passes(graph);
                                 return graph;
                               }};
  const auto case_result =
      conformance::run(test, *context.builder, {.precision = context.precision, .device = context.device});
  return evaluate(test.name, case_result, whole_model_tolerance);
}

/// As many as stand in one engine of a builder whose builds are long.
constexpr std::size_t cases_a_build = 32;

SelftestCheck check_case(const conformance::Case& test, const engine_cache::EngineContext& context,
                         const BuildOptions& options) {
  return guarded_check(test.name, [&] {
    const auto case_result = conformance::run(test, *context.builder, options);
    return evaluate(test.name, case_result, case_result.allowed);
  });
}

/// Of cases in one engine; nothing where one of them keeps it from being built.
std::vector<SelftestCheck> check_together(std::span<const conformance::Case> cases,
                                          const engine_cache::EngineContext& context,
                                          const BuildOptions& options) {
  std::vector<SelftestCheck> checks;
  try {
    const auto case_results = conformance::run_together(cases, *context.builder, options);
    for (std::size_t i = 0; i < cases.size() && case_results[i].ran(); ++i)
      checks.push_back(evaluate(cases[i].name, case_results[i], case_results[i].allowed));
  } catch (const Error& error) {
    if (error.code().starts_with("interrupted")) throw;
    log::debug(fmt::format("{} cases in one engine: {}", cases.size(), error.what()));
  }
  return checks;
}

/// In one engine where that can be built, otherwise in halves, down to the case that cannot. False: `report`
/// wants no more.
bool check_in_groups(std::span<const conformance::Case> cases, const engine_cache::EngineContext& context,
                     const BuildOptions& options, const OnSelftestCheck& report) {
  if (cases.size() == 1) return report(check_case(cases.front(), context, options));
  if (const auto checks = check_together(cases, context, options); !checks.empty())
    return std::ranges::all_of(checks, report);
  const std::size_t half = cases.size() / 2;
  return check_in_groups(cases.first(half), context, options, report) &&
         check_in_groups(cases.subspan(half), context, options, report);
}

bool check_cases(const engine_cache::EngineContext& context, const BuildOptions& options,
                 const OnSelftestCheck& report) {
  std::vector<conformance::Case> cases = conformance::operator_cases();
  std::ranges::move(conformance::block_cases(), std::back_inserter(cases));
  const std::size_t group = context.builder->has_long_builds() ? cases_a_build : 1;
  for (std::span<const conformance::Case> rest = cases; !rest.empty();) {
    const auto together = rest.first(std::min(group, rest.size()));
    if (!check_in_groups(together, context, options, report)) return false;
    rest = rest.subspan(together.size());
  }
  return true;
}

/// Versions, for whoever reads the report.
SelftestCheck description_of(const engine_cache::EngineContext& context) {
  return {"engine", "",
          fmt::format("{} in {} on {}{}", context.builder->library_versions(), to_string(context.precision),
                      context.builder->device_name(context.device),
                      context.driver.empty() ? "" : ", driver " + context.driver)};
}

/// A ReID model by itself, on persons cut out of the built-in sample images.
SelftestCheck embeddings_against_fp32(const fs::path& file, const engine_cache::EngineContext& context) {
  const Model model = load_model(file);
  const InputShape shape{1, model.info().image_height, model.info().image_width};
  const Plan plan = context.builder->build(engine_cache::prepare_graph(model, context, shape, {}),
                                           {.precision = context.precision, .device = context.device});
  const auto engine = context.builder->load(plan, context.device);
  const store::ValidationRecord record = engine_cache::verify(*engine, model, context, shape, {});
  const std::string words = fmt::format("{}, against {}", store::verdict(record), record.reference);
  return record.passed() ? SelftestCheck{model.info().name, "", words}
                         : SelftestCheck{model.info().name, words};
}

SelftestCheck against_fp32(const Settings& settings, const std::string& engine, const fs::path& file,
                           const engine_cache::EngineContext& context,
                           const std::vector<std::string>& images) {
  Settings exact = settings;
  exact.precision = Precision::fp32;
  PipelineOptions options;
  options.models = {file};
  options.engine = engine;
  Pipeline tested(settings, options);
  options.engine = context.device.on_gpu() ? "cuda" : "openvino";
  Pipeline reference(exact, options);
  const auto expected = results_of(reference, images), actual = results_of(tested, images);
  parity::Parity parity(settings.limits);
  for (std::size_t i = 0; i < expected.size(); ++i)
    parity.add({.image = expected[i].path,
                .reference = expected[i].objects,
                .tested = actual[i].objects,
                .candidates = {}});
  const std::string words =
      fmt::format("{} of {} objects found again, worst {:.2f} px and {:.4f}", parity.found(),
                  parity.objects(), parity.worst_box_px(), parity.worst_confidence());
  if (parity.passed()) return {file.filename().string(), "", words};
  std::string failure = words;
  for (const parity::Mismatch& mismatch : parity.mismatches())
    failure += "; " + mismatch.image + ": " + mismatch.what;
  return {file.filename().string(), failure};
}

std::vector<std::string> sample_images_of(const fs::path& demo) {
  std::vector<std::string> images;
  for (const auto& entry : fs::directory_iterator(demo / "scenes" / "val2017"))
    images.push_back(entry.path().string());
  std::ranges::sort(images);
  return images;
}

}  // namespace

void check_engine(const Settings& settings, const std::string& engine, const std::string& demo,
                  const OnSelftestCheck& report) {
  const engine_cache::EngineContext context = engine_cache::choose_engine(settings, engine);
  const BuildOptions options{.precision = context.precision, .device = context.device};
  if (!report(description_of(context))) return;
  if (!check_cases(context, options, report) || demo.empty()) return;
  const bool is_reference = !context.device.on_gpu() && context.precision == Precision::fp32;
  for (const char* file : {"demo-detect.pt", "demo-pose.pt", "demo-segment.pt"}) {
    const fs::path path = fs::path(demo) / file;
    const SelftestCheck check = guarded_check(file, [&] {
      return is_reference ? against_executor(path, context)
                          : against_fp32(settings, engine, path, context, sample_images_of(demo));
    });
    if (!report(check)) return;
  }
  const fs::path reid = fs::path(demo) / "demo-reid.pth";
  report(guarded_check("demo-reid.pth", [&] { return embeddings_against_fp32(reid, context); }));
}

}  // namespace peregrine::doctor
