#include "extending/attribute/attribute.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/task/task_traits.h"
#include "graph/head.h"
#include "parity/measures.h"
#include "predictor/object_parts.h"
#include "stages/postprocess/tasks/tasks.h"
#include "stages/render/object_parts.h"

namespace peregrine::attribute {

namespace {

std::string number_output(int level) { return "num." + std::to_string(level); }

constexpr GuardedPart parts[] = {{"num.", "attribute numbers"}};

constexpr TaskTraits traits{.name = "attribute",
                            .extra_output = number_output,
                            .extra_channels = [](const ModelInfo&) { return 1; },
                            .head_class = "Attribute",
                            .guarded_parts = parts,
                            .guarded_output = "attribute output"};

void take_number(const ModelInfo&, std::span<const float> numbers, const Geometry&, Object& object) {
  object.numbers = {1 / (1 + std::exp(-numbers[0]))};
}

nlohmann::ordered_json json_of(const Object& object) {
  if (object.task != task()) return {};  // another task may have numbers, too
  return predictor::rounded(object.numbers.front(), 4);
}

std::string label_of(const Object& object) {
  return object.task == task() ? fmt::format("[{:.2f}]", object.numbers.front()) : std::string();
}

float difference(const Object& reference, const Object& tested) {
  if (reference.task != task() || tested.task != task()) return 0;
  return std::abs(reference.numbers.front() - tested.numbers.front());
}

constexpr parity::Measure measure{
    .belongs = [](const TaskTraits& of) { return of.task == task(); },
    .check = "their attribute",
    .step = "attribute",
    .of = difference,
    .limit = [](const ParityLimits& limits) { return limits.confidence; },
    .wrong = [](float value) { return fmt::format("its attribute deviates by {:.3f}", value); },
    .worst = [](float value,
                float limit) { return fmt::format("apart by {:.3g} (limit {:.3g})", value, limit); }};

Task register_all() {
  const Task task = register_task(traits);
  postprocess::register_hooks(task, {.take_numbers = take_number});
  predictor::register_object_part({"attribute", json_of});
  render::register_drawn_part({.label = label_of});
  parity::register_measure(measure);
  return task;
}

}  // namespace

Task task() {
  static const Task registered = register_all();
  return registered;
}

Model model_of(const Model& detector) {
  ModelInfo info = detector.info();
  info.task = task();
  info.name = "demo-attribute";
  return {info, [detector](const InputShape& shape) {
            graph::Graph graph = detector.graph(shape);
            const auto classes = static_cast<std::int64_t>(detector.info().class_names.size());
            for (int level = 0; level < static_cast<int>(detector.info().strides.size()); ++level) {
              HostTensor first = HostTensor::zeros(DType::f32, {1, classes, 1, 1});
              first.as<float>()[0] = 1;
              const auto weight = graph.add_constant(number_output(level) + ".weight", std::move(first));
              const auto logits = graph.find(graph::class_output(level));
              graph.mark_output(graph.add(number_output(level) + ".conv", graph::Conv{}, {logits, weight}),
                                number_output(level));
            }
            return graph;
          }};
}

}  // namespace peregrine::attribute
