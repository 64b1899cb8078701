#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/task/task_traits.h"
#include "core/text.h"
#include "engine/host_run.h"
#include "engine_cache/validation/sample_images.h"
#include "peregrine/error.h"
#include "peregrine/version.h"
#include "predictor/models/deployed_models.h"
#include "stages/decode/decode.h"
#include "stages/preprocess/letterbox.h"
#include "stages/preprocess/preprocess.h"
#include "tools/migrate/steps.h"

namespace peregrine::migrate::steps {

namespace {

/// "YOLO11, 80 classes, 5.6 MB, strides 8 16 32, input 640x640".
std::string facts_of(const ModelSlot& slot) {
  const ModelInfo& info = slot.info();
  std::string text = info.architecture;
  if (traits_of(info).embeds) text += fmt::format(", {} numbers a person", info.embedding);
  if (!info.class_names.empty()) text += fmt::format(", {} classes", info.class_names.size());
  if (info.keypoints > 0) text += fmt::format(", {} keypoints", info.keypoints);
  text += fmt::format(", {:.1f} MB", static_cast<double>(std::filesystem::file_size(slot.path)) / 1e6);
  if (!info.strides.empty()) text += fmt::format(", strides {}", fmt::join(info.strides, " "));
  return text + fmt::format(", input {}x{}", slot.request.shape.height, slot.request.shape.width);
}

/// What --task says of the models that are given for a task slot, else the task slot.
TaskHint expected_of(const Settings& settings, Task task_slot) {
  const auto told = std::ranges::find(settings.tasks, task_slot, &TaskHint::task);
  return told == settings.tasks.end() ? TaskHint{.task = task_slot} : *told;
}

/// An engine's folder would do for predict, but there is nothing to move.
Model read(const std::filesystem::path& path, const TaskHint& expected) {
  if (std::filesystem::is_directory(path))
    throw Error("usage.model", fmt::format("{} is a folder.", printable(path.native())),
                "Give the model's file.");
  return load_model_expecting(path, expected);
}

void require_roles(const Migration& migration) {
  for (const TaskHint& told : migration.settings.tasks)
    if (std::ranges::find(migration.slots, told.task, &ModelSlot::task_slot) == migration.slots.end())
      throw Error(
          "usage.task",
          fmt::format("--task says {}, but no model is given for {}.", to_string(told), to_string(told.task)),
          fmt::format("Pass it with --{}.", to_string(told.task)));
}

void require_task_slot(const ModelSlot& slot) {
  if (slot.info().task == slot.task_slot) return;
  throw Error("usage.role",
              fmt::format("{} is a {} model, but was given for {}.", printable(slot.path.native()),
                          to_string(slot.info().task), to_string(slot.task_slot)),
              fmt::format("Pass it with --{}.", to_string(slot.info().task)));
}

/// An image as the model's input: a scene, whole.
HostTensor sample_image_input(const ModelInfo& info, const InputShape& shape) {
  const HostImage image = decode::decode_image(engine_cache::sample_image_files().front(), "scene 0");
  HostTensor input = HostTensor::zeros(DType::f32, {1, 3, shape.height, shape.width});
  if (traits_of(info).embeds)
    preprocess::reid_crop_into(image.view(),
                               {0, 0, static_cast<float>(image.width), static_cast<float>(image.height)},
                               input.view(), 0);
  else
    preprocess::letterbox_into(image.view(),
                               preprocess::letterbox(image.width, image.height, shape.width, shape.height),
                               input.view(), 0);
  return input;
}

std::vector<HostTensor> forward(const ModelSlot& slot, const engine_cache::EngineContext& context,
                                const TensorView& input, const InputShape& shape) {
  engine_cache::EngineContext plain{engine_cache::reference_builder(context.device), context.device,
                                    context.device_name};
  if (!plain.builder) plain.builder = context.builder;
  const graph::Graph graph = engine_cache::prepare_graph(*slot.model, plain, shape, {});
  BuildOptions options;
  options.device = context.device;
  options.tune = false;
  const auto engine = plain.builder->load(plain.builder->build(graph, options), context.device);
  return run_on_host(*engine, {&input, 1});
}

/// One image through the model in FP32: whatever comes out must be numbers.
void run_once(const ModelSlot& slot, const engine_cache::EngineContext& context) {
  InputShape shape = slot.request.shape;
  if (slot.info().fixed_batch == 0) shape.batch = 1;
  HostTensor sample = sample_image_input(slot.info(), {1, shape.height, shape.width});
  HostTensor input = HostTensor::zeros(DType::f32, {shape.batch, 3, shape.height, shape.width});
  std::copy_n(sample.as<float>(), sample.shape().elements(), input.as<float>());
  for (const HostTensor& output : forward(slot, context, input.view(), shape)) {
    const float* values = output.as<float>();
    if (!std::all_of(values, values + output.shape().elements(),
                     [](float value) { return std::isfinite(value); }))
      throw Error("model.forward",
                  fmt::format("{} does not compute numbers: its output has infinities or NaN.",
                              printable(slot.path.native())),
                  "Look at the checkpoint: it may have diverged in training, or be damaged.");
  }
}

std::string key_of(const ModelSlot& slot, const engine_cache::EngineContext& context) {
  return fmt::format("forward pass of {} at {}x{} on {}, peregrine {}", slot.info().sha256,
                     slot.request.shape.height, slot.request.shape.width, context.device_name, version);
}

}  // namespace

StepSummary models(Migration& migration) {
  StepSummary summary{StepResult::Verdict::still_valid, {}};
  require_roles(migration);
  for (std::size_t i = 0; i < migration.slots.size(); ++i) {
    ModelSlot& slot = migration.slots[i];
    migration.tell(i, 0, "reading");
    slot.model = read(slot.path, expected_of(migration.settings, slot.task_slot));
    require_task_slot(slot);
    slot.request = predictor::deployment_request(slot.info(), *migration.context, migration.settings);
    migration.report.models[i].facts = facts_of(slot);
    summary.sentence +=
        fmt::format("{}{} ({})", i == 0 ? "" : "; ", title(slot), migration.report.models[i].facts);
    const std::string key = key_of(slot, *migration.context);
    if (migration.journal.done.contains(key)) continue;
    migration.tell(i, 0.5, "a forward pass");
    run_once(slot, *migration.context);
    migration.journal.done[key] = "passed";
    summary.verdict = StepResult::Verdict::passed;
  }
  return summary;
}

}  // namespace peregrine::migrate::steps
