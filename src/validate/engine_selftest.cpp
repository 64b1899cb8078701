#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "compare/parity.h"
#include "engine/conformance/conformance.h"
#include "graph/passes.h"
#include "model/model.h"
#include "peregrine/error.h"
#include "peregrine/pipeline.h"
#include "provision/engine_choice.h"
#include "provision/provision.h"
#include "validate/selftest.h"

namespace peregrine::validate {

namespace {

namespace fs = std::filesystem;

/// A hundred operators in a row, in FP32.
constexpr double whole_model_tolerance = 1e-4;

Check judge(const std::string& name, const conformance::Outcome& outcome, double allowed) {
  if (!outcome.ran()) return {name, "", "refused: " + fmt::format("{}", fmt::join(outcome.refused, " "))};
  double worst = 0;
  for (const conformance::Comparison& output : outcome.comparisons) worst = std::max(worst, output.difference);
  const std::string words = fmt::format("differs by {:.1e}, allowed {:.1e}", worst, allowed);
  return worst <= allowed ? Check{name, "", words} : Check{name, words};
}

/// What `work` finds, or the error that it ends in.
template <class Work>
Check guarded_check(const std::string& name, Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    return {name, error.what()};
  }
}

std::vector<ImageResult> results_of(Pipeline& pipeline, const std::vector<std::string>& pictures) {
  std::vector<ImageResult> results;
  pipeline.run(pictures, [&](const Outcome& outcome) {
    if (outcome.error) throw Error(*outcome.error);
    if (outcome.result) results.push_back(*outcome.result);
    return true;
  });
  return results;
}

/// OpenVINO in FP32 is itself what others are held against: its judge is the reference executor.
Check against_executor(const fs::path& file, const provision::EngineChoice& choice) {
  const Model model = load_model(file);
  const conformance::Case test{model.info().name, [&] {
                                 graph::Graph graph = model.graph({.batch = 1, .height = 160, .width = 160});
                                 graph::run_passes(graph);
                                 return graph;
                               }};
  const auto outcome = conformance::run(test, *choice.builder, {.precision = choice.precision, .device = choice.device});
  return judge(test.name, outcome, whole_model_tolerance);
}

/// Versions, for whoever reads the report.
Check description_of(const provision::EngineChoice& choice) {
  return {"engine", "",
          fmt::format("{} in {} on {}{}", choice.builder->library_versions(), to_string(choice.precision),
                      choice.builder->device_name(choice.device), choice.driver.empty() ? "" : ", driver " + choice.driver)};
}

/// A ReID model by itself, on persons cut out of the built-in scenes.
Check embeddings_against_fp32(const fs::path& file, const provision::EngineChoice& choice) {
  const Model model = load_model(file);
  const InputShape shape{1, model.info().image_height, model.info().image_width};
  const Plan plan = choice.builder->build(provision::prepare_graph(model, choice, shape),
                                          {.precision = choice.precision, .device = choice.device});
  const auto engine = choice.builder->load(plan, choice.device);
  const store::ValidationRecord record = provision::verify(*engine, model, choice, shape, {});
  const std::string words = fmt::format("{}, against {}", store::verdict(record), record.reference);
  return record.passed() ? Check{model.info().name, "", words} : Check{model.info().name, words};
}

Check against_fp32(const Settings& settings, const std::string& engine, const fs::path& file,
                   const provision::EngineChoice& choice, const std::vector<std::string>& pictures) {
  Settings exact = settings;
  exact.precision = Precision::fp32;
  PipelineOptions options;
  options.models = {file};
  options.engine = engine;
  Pipeline tested(settings, options);
  options.engine = choice.device.on_gpu() ? "cuda" : "openvino";
  Pipeline reference(exact, options);
  const auto expected = results_of(reference, pictures), actual = results_of(tested, pictures);
  compare::Parity parity(settings.limits);
  for (std::size_t i = 0; i < expected.size(); ++i)
    parity.add({.picture = expected[i].path, .reference = expected[i].objects, .tested = actual[i].objects, .candidates = {}});
  const std::string words = fmt::format("{} of {} objects found again, worst {:.2f} px and {:.4f}", parity.found(),
                                        parity.objects(), parity.worst_box_px(), parity.worst_confidence());
  if (parity.passed()) return {file.filename().string(), "", words};
  std::string failure = words;
  for (const compare::Departure& departure : parity.departures()) failure += "; " + departure.picture + ": " + departure.what;
  return {file.filename().string(), failure};
}

std::vector<std::string> scenes_of(const fs::path& demo) {
  std::vector<std::string> pictures;
  for (const auto& entry : fs::directory_iterator(demo / "scenes" / "val2017")) pictures.push_back(entry.path().string());
  std::ranges::sort(pictures);
  return pictures;
}

}  // namespace

void check_engine(const Settings& settings, const std::string& engine, const std::string& demo, const Report& report) {
  const provision::EngineChoice choice = provision::choose_engine(settings, engine);
  const BuildOptions options{.precision = choice.precision, .device = choice.device};
  if (!report(description_of(choice))) return;
  std::vector<conformance::Case> cases = conformance::operator_cases();
  std::ranges::move(conformance::block_cases(), std::back_inserter(cases));
  for (const conformance::Case& test : cases) {
    const Check check = guarded_check(test.name, [&] {
      const auto outcome = conformance::run(test, *choice.builder, options);
      return judge(test.name, outcome, outcome.allowed);
    });
    if (!report(check)) return;
  }
  if (demo.empty()) return;
  const bool is_reference = !choice.device.on_gpu() && choice.precision == Precision::fp32;
  for (const char* file : {"demo-detect.pt", "demo-pose.pt", "demo-segment.pt"}) {
    const fs::path path = fs::path(demo) / file;
    const Check check = guarded_check(file, [&] {
      return is_reference ? against_executor(path, choice) : against_fp32(settings, engine, path, choice, scenes_of(demo));
    });
    if (!report(check)) return;
  }
  const fs::path reid = fs::path(demo) / "demo-reid.pth";
  report(guarded_check("demo-reid.pth", [&] { return embeddings_against_fp32(reid, choice); }));
}

}  // namespace peregrine::validate
