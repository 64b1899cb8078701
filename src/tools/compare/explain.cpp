#include "tools/compare/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/task/task_traits.h"
#include "core/text.h"
#include "engine/conformance/conformance.h"
#include "engine_cache/validation/head_agreement.h"
#include "engine_cache/validation/object_parity.h"
#include "parity/parity.h"
#include "peregrine/error.h"
#include "stages/decode/decode.h"
#include "stages/postprocess/postprocess.h"
#include "stages/preprocess/letterbox.h"
#include "stages/preprocess/preprocess.h"
#include "stages/source/source.h"
#include "tools/compare/operand.h"

namespace peregrine::compare {

namespace {

/// Rounding adds up on the way through a network: what deviates further than so many roundings is worth a
/// look.
constexpr double roundings = 10;

HostImage read(const std::filesystem::path& image_path) {
  const source::Item item{.path = image_path, .display = printable(image_path.native()), .error = {}};
  return decode::decode_image(source::read_file(item), item.display);
}

struct Prepared {
  Geometry geometry;
  HostTensor input;
};

Prepared prepare(const HostImage& image, const Operand& side) {
  const InputShape& shape = side.shape();
  Prepared prepared{preprocess::letterbox(image.width, image.height, shape.width, shape.height),
                    HostTensor::zeros(DType::f32, {shape.batch, 3, shape.height, shape.width})};
  const std::array<float, 4> whole{0, 0, static_cast<float>(image.width), static_cast<float>(image.height)};
  if (traits_of(side.model()).embeds)
    preprocess::reid_crop_into(image.view(), whole, prepared.input.view(), 0);
  else
    preprocess::letterbox_into(image.view(), prepared.geometry, prepared.input.view(), 0);
  return prepared;
}

/// "largest difference 0.0031 of the tensor's largest value (limit 0.08), cosine 0.999993".
ComparedStep compare_tensor(const std::string& stage, const std::string& name, const HostTensor& a,
                            const HostTensor& b, double limit) {
  engine_cache::HeadAgreement agreement;
  agreement.add({&a, 1}, {&b, 1});
  ComparedStep step{stage, name, agreement.relative(), agreement.cosine(), limit, false, {}};
  step.deviates = !(step.difference <= limit);  // a NaN deviates
  step.what = fmt::format("{}, largest difference {:.3g} of the largest value (limit {:.3g}), cosine {:.6f}",
                          to_string(a.shape()), step.difference, limit, step.cosine);
  return step;
}

/// Tensors of one name and shape on both sides, in A's order.
std::vector<ComparedStep> compare_tensors(const std::string& stage, const Tensors& a, const Tensors& b,
                                          double limit) {
  std::vector<ComparedStep> steps;
  for (std::size_t i = 0; i < a.names.size(); ++i)
    if (const HostTensor* other = b.find(a.names[i]); other && other->shape() == a.values[i].shape())
      steps.push_back(compare_tensor(stage, a.names[i], a.values[i], *other, limit));
  return steps;
}

double largest_difference(std::span<const ComparedStep> steps) {
  double largest = 0;
  for (const ComparedStep& step : steps) largest = step.difference <= largest ? largest : step.difference;
  return largest;
}

ComparedStep compare_candidates(std::span<const postprocess::Candidate> a,
                                std::span<const postprocess::Candidate> b, const ParityLimits& limits) {
  std::map<std::pair<int, int>, const postprocess::Candidate*> others;
  for (const auto& candidate : b) others[{candidate.anchor, candidate.class_id}] = &candidate;
  double box = 0, confidence = 0;
  std::size_t common = 0;
  bool missing = false;
  for (const auto& candidate : a) {
    const auto other = others.find({candidate.anchor, candidate.class_id});
    if (other == others.end()) {
      missing |= candidate.confidence > limits.min_confidence;
      continue;
    }
    ++common;
    for (std::size_t i = 0; i < 4; ++i)
      box = std::max(box, std::abs(static_cast<double>(candidate.box[i]) - other->second->box[i]));
    confidence =
        std::max(confidence, std::abs(static_cast<double>(candidate.confidence) - other->second->confidence));
  }
  ComparedStep step{"candidates",
                    {},
                    box,
                    1,
                    limits.box_px,
                    missing || box > limits.box_px || confidence > limits.confidence,
                    {}};
  step.what = fmt::format(
      "{} and {} boxes above the threshold, {} of them at the same place; boxes apart by {:.3g} px (limit "
      "{:.3g}), confidence by {:.3g} (limit {:.3g}){}",
      a.size(), b.size(), common, box, limits.box_px, confidence, limits.confidence,
      missing ? fmt::format("; some of A above {:.2g} are not among B's", limits.min_confidence) : "");
  return step;
}

ComparedStep step_of(const std::string& stage, const parity::Parity& parity, const ParityLimits& limits) {
  ComparedStep step{stage,
                    {},
                    parity.worst_box_px(),
                    1,
                    limits.box_px,
                    parity.found() < parity.objects() || parity.extra() > 0,
                    {}};
  step.what = fmt::format(
      "{} of {} objects found again, {} lost to a tie, {} more; boxes apart by {:.3g} px, confidence by "
      "{:.3g}",
      parity.found(), parity.objects(), parity.nms_ties(), parity.extra(), parity.worst_box_px(),
      parity.worst_confidence());
  return step;
}

class Explanation {
 public:
  Explanation(const Settings& settings, const std::string& a, const std::string& b,
              const std::filesystem::path& image_path, const engine_cache::EngineProgress& progress)
      : limits_(settings.limits),
        image_(image_path),
        a_(settings, a, task_hint(settings, 0, 2), progress),
        b_(settings, b, task_hint(settings, 1, 2), progress) {
    if (a_.model().task != b_.model().task)
      throw Error(
          "usage.explain",
          fmt::format("{} is a {} model, {} a {} model: they have no step in common.", a_.model().name,
                      to_string(a_.model().task), b_.model().name, to_string(b_.model().task)));
    if (!a_.source() && b_.source()) a_.take_source(*b_.source());
    if (!b_.source() && a_.source()) b_.take_source(*a_.source());
  }

  ExplainReport run() {
    decode_and_resize();
    const Tensors heads_a = a_.run_heads(input_a_.input), heads_b = b_.run_heads(input_b_.input);
    const Precision coarser = std::max(a_.precision(), b_.precision(), [](Precision x, Precision y) {
      return conformance::tolerance(x) < conformance::tolerance(y);
    });
    limit_ = roundings * conformance::tolerance(coarser);
    compare_layers(heads_a, heads_b);
    add(compare_tensors("head", heads_a, heads_b, limit_));
    if (!traits_of(a_.model()).embeds) compare_objects(heads_a, heads_b);
    report_.a = a_.title();
    report_.b = b_.title();
    for (const Operand* side : {&a_, &b_})
      if (side->precision() != side->context().precision)
        report_.notes.push_back(
            fmt::format("{}: {} was asked for.", side->title(), to_string(side->context().precision)));
    return std::move(report_);
  }

 private:
  void add(std::vector<ComparedStep> steps) { std::ranges::move(steps, std::back_inserter(report_.steps)); }

  void decode_and_resize() {
    const HostImage image = read(image_);
    input_a_ = prepare(image, a_);
    input_b_ = prepare(image, b_);
    report_.steps.push_back(
        {"decode",
         {},
         0,
         1,
         0,
         false,
         fmt::format("{}x{} pixels, decoded once on the host for both; what a GPU's decoder makes of it "
                     "enters at the step pipeline",
                     image.width, image.height)});
    const Shape &a = input_a_.input.shape(), &b = input_b_.input.shape();
    ComparedStep step{"resize", {}, 0, 1, 0, false, {}};
    if (a[2] == b[2] && a[3] == b[3]) {
      const auto count = static_cast<std::size_t>(3 * a[2] * a[3]);
      for (std::size_t i = 0; i < count; ++i)
        step.difference =
            std::max(step.difference, std::abs(static_cast<double>(input_a_.input.as<float>()[i]) -
                                               static_cast<double>(input_b_.input.as<float>()[i])));
      step.deviates = step.difference > 0;
      step.what = fmt::format("{}x{} input, largest difference {:.3g}", a[3], a[2], step.difference);
    } else {
      step.deviates = true;
      step.what = fmt::format("inputs of {}x{} and {}x{}", a[3], a[2], b[3], b[2]);
    }
    report_.steps.push_back(step);
  }

  void compare_layers(const Tensors& heads_a, const Tensors& heads_b) {
    if (!a_.source() || !b_.source()) {
      report_.notes.push_back(
          "The layers of a cached engine are seen where its model's file is at hand: name it as the other "
          "side, or in [models].");
      return;
    }
    const Tensors layers_a = a_.run_layers(input_a_.input), layers_b = b_.run_layers(input_b_.input);
    std::vector<ComparedStep> steps = compare_tensors("layer", layers_a, layers_b, limit_);
    std::erase_if(steps, [&](const ComparedStep& step) { return heads_a.find(step.name) != nullptr; });
    const std::size_t inside = layers_a.names.size() - heads_a.names.size();
    report_.notes.push_back(fmt::format(
        "{} of {} layers compared, in graphs that were built again with them as outputs: fusion may differ. "
        "That alone moved the "
        "heads by {:.3g} (A) and {:.3g} (B) of their largest value.",
        steps.size(), inside, largest_difference(compare_tensors("head", heads_a, layers_a, limit_)),
        largest_difference(compare_tensors("head", heads_b, layers_b, limit_))));
    add(std::move(steps));
  }

  postprocess::Detections detections(const Operand& side, const Tensors& heads,
                                     const Geometry& geometry) const {
    std::vector<postprocess::NamedTensor> named;
    for (std::size_t i = 0; i < heads.names.size(); ++i)
      named.push_back({heads.names[i], heads.values[i].view()});
    postprocess::Options options;
    options.confidence = side.settings().model_confidence_threshold;
    options.iou = side.settings().iou;
    options.max_detections = side.settings().max_det;
    options.keep_candidates = true;
    return postprocess::postprocess(side.model(), named, 0, geometry, options);
  }

  /// A's objects against `tested`.
  parity::Parity parity(std::span<const Object> reference, std::span<const Object> tested,
                        std::span<const parity::ParityCandidate> candidates,
                        parity::Parity::Extent extent = parity::Parity::Extent::all) const {
    parity::Parity parity(limits_, extent);
    parity.add({printable(image_.filename().native()), reference, tested, candidates});
    return parity;
  }

  /// What hangs on the boxes; `deviates` where objects are wrong by that alone.
  ComparedStep measured_step(const parity::Measure& measure, float worst, bool deviates) const {
    const float limit = measure.limit(limits_);
    const double equal = measure.at_least ? 1 : 0;
    return {measure.step,
            {},
            std::abs(equal - worst),
            1,
            std::abs(equal - limit),
            deviates,
            measure.worst(worst, limit)};
  }

  void compare_objects(const Tensors& heads_a, const Tensors& heads_b) {
    const auto found_a = detections(a_, heads_a, input_a_.geometry),
               found_b = detections(b_, heads_b, input_b_.geometry);
    report_.steps.push_back(compare_candidates(found_a.candidates, found_b.candidates, limits_));
    const auto candidates = engine_cache::in_pixels(found_b.candidates, input_b_.geometry);
    const auto boxes = parity(found_a.objects, found_b.objects, candidates, parity::Parity::Extent::boxes);
    const auto all = parity(found_a.objects, found_b.objects, candidates);
    report_.steps.push_back(step_of("NMS", boxes, limits_));
    const bool more = all.found() < boxes.found();
    for (std::size_t i = 0; i < boxes.worst().size(); ++i)
      if (const parity::Measure& measure = parity::measures()[i];
          measure.worst && measure.belongs(traits_of(a_.model())))
        report_.steps.push_back(measured_step(measure, boxes.worst()[i], more));
    for (const auto& mismatch : all.mismatches())
      report_.mismatches.push_back(mismatch.what + (mismatch.nms_tie ? " (NMS tie: right before NMS)" : ""));
    compare_pipeline("A", a_, found_a.objects);
    compare_pipeline("B", b_, found_b.objects);
  }

  /// The stages as they serve, kernels included, against the host's on the same engine's heads.
  void compare_pipeline(const std::string& which, const Operand& side, std::span<const Object> host) {
    ComparedStep step = step_of("pipeline", parity(host, side.run_pipeline(image_), {}), limits_);
    step.name = which;
    step.what = fmt::format("{} as it serves, beside the steps above: {}", which, step.what);
    report_.steps.push_back(std::move(step));
  }

  const ParityLimits limits_;
  const std::filesystem::path& image_;
  Operand a_, b_;
  Prepared input_a_, input_b_;
  double limit_ = 0;
  ExplainReport report_;
};

}  // namespace

const ComparedStep* ExplainReport::first_mismatch() const {
  const auto found = std::ranges::find_if(steps, &ComparedStep::deviates);
  return found == steps.end() ? nullptr : &*found;
}

const ComparedStep* ExplainReport::first_difference() const {
  const auto found = std::ranges::find_if(steps, [](const ComparedStep& s) {
    return (s.stage == "layer" || s.stage == "head") && s.difference != 0;
  });
  return found == steps.end() ? nullptr : &*found;
}

ExplainReport run(const Settings& settings, const std::string& a, const std::string& b,
                  const std::filesystem::path& image_path,
                  const std::function<bool(double, std::string_view)>& progress) {
  return Explanation(settings, a, b, image_path, progress).run();
}

std::string to_json(const ExplainReport& report) {
  nlohmann::ordered_json json{{"a", report.a}, {"b", report.b}, {"steps", nlohmann::json::array()}};
  for (const ComparedStep& step : report.steps)
    json["steps"].push_back({{"stage", step.stage},
                             {"name", step.name},
                             {"difference", step.difference},
                             {"cosine", step.cosine},
                             {"limit", step.limit},
                             {"departs", step.deviates},
                             {"what", step.what}});
  json["departures"] = report.mismatches;
  json["notes"] = report.notes;
  const ComparedStep* first = report.first_mismatch();
  json["first_departure"] =
      first ? nlohmann::ordered_json(first->name.empty() ? first->stage : first->stage + " " + first->name)
            : nlohmann::ordered_json(nullptr);
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace peregrine::compare
