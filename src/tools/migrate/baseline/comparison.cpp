#include "tools/migrate/baseline/comparison.h"

#include <fmt/format.h>

#include "core/task/task_traits.h"
#include "peregrine/error.h"
#include "peregrine/pipeline.h"
#include "stages/decode/encode.h"
#include "stages/render/render.h"
#include "tools/compare/explain.h"
#include "tools/migrate/baseline/images.h"
#include "tools/migrate/baseline/pytorch.h"
#include "tools/migrate/baseline/speed.h"
#include "tools/validate/validation.h"

namespace peregrine::migrate {

namespace {

/// Shown side by side in the page.
constexpr std::size_t most_images = 4;

Settings settings_in(const Migration& migration, Precision precision) {
  Settings settings = migration.settings;
  settings.precision = precision;
  return settings;
}

/// For runs of this slot's file alone, whose task is known by now.
Settings alone(Settings settings, const ModelSlot& slot) {
  settings.tasks = {hint_of(slot.info())};
  return settings;
}

/// The FP32 reference's engine, by its name.
std::string reference_engine(const Migration& migration) {
  return migration.context->device.on_gpu() ? "cuda" : "openvino";
}

bool is_reference(const Migration& migration) {
  return migration.context->precision == Precision::fp32 &&
         migration.context->builder->name() == reference_engine(migration);
}

SpeedRequest request_of(const Migration& migration, const ModelSlot& slot) {
  const Options& options = migration.options;
  SpeedRequest request{.model = slot.path,
                       .model_info = slot.info(),
                       .settings = alone(settings_in(migration, migration.context->precision), slot)};
  request.engine = migration.context->builder->name();
  if (traits_of(slot.info()).embeds) request.batches = {1, 16};
  if (slot.info().fixed_batch != 0) request.batches = {slot.info().fixed_batch};
  request.images = options.images;
  request.baseline = options.baseline;
  request.python = options.python;
  request.limit = options.limit;
  request.executable = options.executable;
  request.unverified = options.unverified;
  request.stop = migration.stop();
  return request;
}

void add_speed(Migration& migration, const ModelSlot& slot, Comparison& comparison) {
  const Options& options = migration.options;
  std::string& note = comparison.speed.note;
  if (options.baseline == Baseline::none) note = "Speed was not compared (--baseline none).";
  if (note.empty() && options.executable.empty())
    note = "Speed was not compared: there is no command to measure with.";
  if (!note.empty()) return;
  try {
    BaselineComparison measured = compare_with_baseline(request_of(migration, slot));
    comparison.speed = std::move(measured.speed);
    comparison.pytorch = std::move(measured.pytorch);
  } catch (const Error& error) {
    if (error.code() != "migration.measure") throw;
    note = error.sentence();
  }
}

/// By metric, in the order of the scores.
validate::ModelScores average_precision(Migration& migration, std::size_t index, const std::string& engine,
                                        Precision precision) {
  auto scores = validate::validate_models(alone(settings_in(migration, precision), migration.slots[index]),
                                          {.models = {migration.slots[index].path},
                                           .data = migration.options.data,
                                           .engine = engine,
                                           .unverified = migration.options.unverified,
                                           .progress = migration.progress_of(index)},
                                          [&](std::size_t done, std::size_t total, const std::string&) {
                                            migration.tell(
                                                index, static_cast<double>(done) / static_cast<double>(total),
                                                fmt::format("average precision in {}", to_string(precision)));
                                            return true;
                                          });
  return std::move(scores.front());
}

/// Why PyTorch's own is not there, or nothing.
std::string add_pytorch_precision(Migration& migration, std::size_t index,
                                  std::vector<PrecisionPair>& pairs) {
  const Options& options = migration.options;
  if (options.baseline == Baseline::none || options.baseline == Baseline::fp32)
    return "it was not asked for (--baseline)";
  const SpeedRequest request = request_of(migration, migration.slots[index]);
  const doctor::FoundPython python =
      doctor::find_python(options.python, answer_limit(options.limit), request.stop);
  if (std::string why = unfit(python, request); !why.empty()) return why;
  const bool on_gpu = migration.context->device.on_gpu();
  for (const bool half : {false, true}) {
    if (half && !on_gpu) return "its FP16 is not available on this CPU";
    migration.tell(index, 0.9, fmt::format("average precision of PyTorch in {}", half ? "fp16" : "fp32"));
    const PyTorchPrecision own = validate_pytorch(request, python, options.data, on_gpu, half);
    if (!own.why.empty()) return own.why;
    for (PrecisionPair& pair : pairs)
      for (const auto& [metric, value] : own.values)
        if (metric == pair.metric) pair.pytorch.push_back({own.subject, value});
  }
  return {};
}

void add_average_precision(Migration& migration, std::size_t index, Comparison& comparison) {
  if (migration.options.data.empty() || traits_of(migration.slots[index].task_slot).embeds) return;
  const auto after =
      average_precision(migration, index, migration.context->builder->name(), migration.context->precision);
  const bool same = is_reference(migration);
  const auto before =
      same ? after : average_precision(migration, index, reference_engine(migration), Precision::fp32);
  for (std::size_t i = 0; i < after.coco.size(); ++i) {
    if (after.coco[i].second.ap < 0) continue;  // the data has nothing of that kind
    const validate::PrecisionNoise noise = validate::noise_of_difference(before.sheets[i], after.sheets[i]);
    PrecisionPair& pair = comparison.average_precision.emplace_back();
    pair.metric = to_string(after.coco[i].first);
    pair.before = before.coco[i].second.ap;
    pair.after = after.coco[i].second.ap;
    pair.images = noise.images;
    pair.standard_error = noise.standard_error;
    pair.low = noise.low;
    pair.high = noise.high;
  }
  std::string& note = comparison.average_precision_note;
  note = same ? "The engine is the FP32 reference itself: before and after are one measurement."
              : "Before: the FP32 reference. The noise is that of the drop, from drawing the images anew 400 "
                "times.";
  const std::string missing = add_pytorch_precision(migration, index, comparison.average_precision);
  if (!missing.empty()) note += fmt::format(" PyTorch's own: {}.", missing);
}

void add_layers(Migration& migration, const ModelSlot& slot, Comparison& comparison) {
  if (is_reference(migration) || traits_of(slot.task_slot).embeds) return;
  const std::string model = std::filesystem::absolute(slot.path).native();
  const std::string reference = fmt::format("{}@{}:fp32", model, reference_engine(migration));
  const std::string engine = fmt::format("{}@{}:{}", model, migration.context->builder->name(),
                                         to_string(migration.context->precision));
  const ImageSet images(migration.options.images);
  const compare::ExplainReport report = compare::run(alone(migration.settings, slot), reference, engine,
                                                     images.files().front(), migration.progress());
  for (const compare::ComparedStep& step : report.steps)
    if (step.stage == "layer") comparison.layers.push_back({step.name, step.difference});
}

/// JPEG files of what a pipeline finds, by image.
std::vector<std::vector<std::byte>> drawn(Migration& migration, const std::string& engine,
                                          Precision precision, const std::vector<std::string>& files) {
  PipelineOptions options;
  options.engine = engine;
  options.keep_pixels = true;
  options.unverified = true;  // what deviates is what the page must show
  options.progress = migration.progress();
  Settings settings = settings_in(migration, precision);
  settings.tasks.clear();
  for (const ModelSlot& slot : migration.slots)
    if (!traits_of(slot.task_slot).embeds) {
      options.models.push_back(slot.path);
      settings.tasks.push_back(hint_of(slot.info()));
    }
  Pipeline pipeline(settings, options);
  std::vector<std::vector<std::string>> names;
  for (const ModelInfo& model : pipeline.models()) names.push_back(model.class_names);
  std::vector<std::vector<std::byte>> images;
  pipeline.run(files, [&](const FrameResult& summary) {
    migration.tell(static_cast<double>(summary.index) / static_cast<double>(files.size()),
                   "images in " + engine);
    if (summary.error) throw Error(*summary.error);
    images.push_back(
        decode::encode_jpeg(render::draw(summary.image->view(), summary.result->objects, names)));
    return true;
  });
  return images;
}

}  // namespace

Comparison compare_slot(Migration& migration, std::size_t index) {
  const ModelSlot& slot = migration.slots[index];
  Comparison comparison;
  migration.tell(index, 0, "speed and memory");
  add_speed(migration, slot, comparison);
  migration.tell(index, 0.5, "layers");
  add_layers(migration, slot, comparison);
  add_average_precision(migration, index, comparison);
  return comparison;
}

std::vector<ImagePair> image_pairs(Migration& migration) {
  const ImageSet images(migration.options.images);
  std::vector<std::string> files;
  for (const auto& file : images.files())
    if (files.size() < most_images) files.push_back(file.native());
  const auto after =
      drawn(migration, migration.context->builder->name(), migration.context->precision, files);
  const auto before =
      is_reference(migration) ? after : drawn(migration, reference_engine(migration), Precision::fp32, files);
  std::vector<ImagePair> pairs;
  for (std::size_t i = 0; i < files.size(); ++i)
    pairs.push_back({std::filesystem::path(files[i]).filename().string(), before[i], after[i]});
  return pairs;
}

}  // namespace peregrine::migrate
