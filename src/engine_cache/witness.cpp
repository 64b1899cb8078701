#include "engine_cache/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine_cache/store/files.h"
#include "peregrine/error.h"
#if PEREGRINE_OPENVINO
#include "engine/openvino/onnx_frontend.h"
#endif

namespace peregrine::engine_cache {

namespace {

/// FP32 beside FP32: programs order their sums differently, and keep what an FP16 file says in other types.
constexpr double most_departure = 3e-2;
/// Of fewer objects none may be missed, and none be there that the witness does not have.
constexpr int enough_to_miss_one = 4;

Testimony nobody(std::string why) { return {.witness = {.note = std::move(why)}}; }

Testimony judged(std::string name, std::string note, std::vector<store::ValidationCheck> checks) {
  using enum store::Witness::Verdict;
  const bool holds = std::ranges::all_of(checks, &store::ValidationCheck::holds);
  return {
      .witness = {.verdict = holds ? agrees : disagrees, .name = std::move(name), .note = std::move(note)},
      .checks = std::move(checks)};
}

double departure_of(const HostTensor& expected, const HostTensor& actual) {
  constexpr double least_scale = 0.05;
  const Shape& shape = expected.shape();
  const auto channels = static_cast<std::size_t>(shape.rank() > 2 ? shape[1] : 1);
  const auto count = static_cast<std::size_t>(shape.elements());
  const std::size_t plane = shape.rank() > 2 ? count / static_cast<std::size_t>(shape[0] * shape[1]) : count;
  std::vector<double> largest(channels, least_scale), difference(channels, 0);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t channel = i / plane % channels;
    const double a = expected.as<float>()[i], b = actual.as<float>()[i];
    if (!std::isfinite(a) || !std::isfinite(b)) return std::numeric_limits<double>::infinity();
    largest[channel] = std::max(largest[channel], std::abs(a));
    difference[channel] = std::max(difference[channel], std::abs(a - b));
  }
  double worst = 0;
  for (std::size_t c = 0; c < channels; ++c) worst = std::max(worst, difference[c] / largest[c]);
  return worst;
}

#if PEREGRINE_OPENVINO
bool equal_shapes(std::span<const HostTensor> a, std::span<const HostTensor> b) {
  return std::ranges::equal(a, b, {}, &HostTensor::shape, &HostTensor::shape);
}
#endif

}  // namespace

double largest_departure(std::span<const HostTensor> expected, std::span<const HostTensor> actual) {
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    worst = std::max(worst, departure_of(expected[i], actual[i]));
  return worst;
}

bool is_onnx_file(const Model& model) { return model.info().architecture == "ONNX"; }

Testimony hear_onnx_frontend([[maybe_unused]] const Model& model, [[maybe_unused]] const TensorView& input,
                             [[maybe_unused]] std::span<const HostTensor> expected) {
#if PEREGRINE_OPENVINO
  if (model.origin().empty()) return nobody("the model was not read from a file");
  if (store::digest_of(model.origin()) != model.info().sha256)
    return nobody("the model's file is another one by now");
  try {
    const auto actual = OnnxFrontend(model.origin(), input.shape).run(input);
    if (!equal_shapes(expected, actual))
      return nobody("OpenVINO's ONNX frontend has its outputs in other shapes, which cannot be compared");
    return judged(OnnxFrontend::name(), "the file itself, its outputs on one input",
                  {{.name = "difference from OpenVINO's ONNX frontend, relative",
                    .value = largest_departure(expected, actual),
                    .limit = most_departure}});
  } catch (const Error& error) {
    return nobody(error.sentence());
  }
#else
  return nobody("this build has no OpenVINO");
#endif
}

void WitnessParity::add(std::size_t index, const std::string& image, const HeadTensors& actual, int slot,
                        const Geometry& geometry) {
  if (index >= answer_.images.size()) return;
  add_to(parity_, image, answer_.images[index], model_, limits_, actual, slot, geometry);
}

Testimony WitnessParity::finish() const {
  if (!answer_.why.empty()) return nobody(answer_.why);
  if (parity_.objects() == 0 && parity_.extra() == 0)
    return nobody(fmt::format("{} and the engine found nothing on these images, so nothing could be compared",
                              answer_.name));
  const int objects = parity_.objects();
  const auto allowed = [&](float share) {
    const auto of_all = static_cast<int>((1 - share) * static_cast<float>(objects));
    return static_cast<double>(objects < enough_to_miss_one ? 0 : std::max(1, of_all));
  };
  const int missed = objects - parity_.found() - parity_.nms_ties();
  std::vector<store::ValidationCheck> checks{
      {.name = fmt::format("objects of {} that are missed", answer_.name),
       .value = static_cast<double>(missed),
       .limit = allowed(limits_.share_before_nms)},
      {.name = fmt::format("objects that {} has not", answer_.name),
       .value = static_cast<double>(parity_.extra()),
       .limit = allowed(limits_.share_after_nms)}};
  Testimony testimony = judged(answer_.name, fmt::format("{} objects", objects), std::move(checks));
  if (testimony.witness.verdict == store::Witness::Verdict::disagrees)
    for (const std::string& line : lines_of(parity_))
      testimony.mismatches.push_back(fmt::format("{}: {}", answer_.name, line));
  return testimony;
}

}  // namespace peregrine::engine_cache
