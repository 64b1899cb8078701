#include "engine_cache/validation/verification.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/os/read_whole_file.h"
#include "core/sha256.h"
#include "core/task/task_traits.h"
#include "engine/host_run.h"
#include "engine_cache/plausibility.h"
#include "engine_cache/validation/head_agreement.h"
#include "engine_cache/validation/object_parity.h"
#include "engine_cache/validation/sample_images.h"
#include "graph/passes.h"
#include "graph/reference.h"
#include "peregrine/error.h"
#include "stages/decode/decode.h"
#include "stages/preprocess/letterbox.h"
#include "stages/preprocess/preprocess.h"

namespace peregrine::engine_cache {

namespace {

namespace fs = std::filesystem;

/// Shares of fewer objects say too little: the raw head tensors are judged instead.
constexpr int enough_objects = 20;
/// FP32 against FP32: largest difference, relative to the tensor's largest value.
constexpr double most_relative = 1e-3;

/// Of one that cannot be read: nothing, which is no image.
std::vector<std::byte> read_image(const fs::path& path) {
  return read_whole_file(path).value_or(std::vector<std::byte>{});
}

/// What the engine is shown, one slot of a batch: an image, or for ReID a part of one.
struct Sight {
  std::string name;
  HostImage image;
  std::array<float, 4> part{};
};

class Sights {
 public:
  Sights(const std::vector<fs::path>& files, Task task)
      : files_(files),
        sample_images_(sample_image_files()),
        parts_(files.empty() && traits_of(task).embeds ? person_strips : 1) {}

  std::size_t size() const {
    return (files_.empty() ? sample_images_.size() : files_.size()) * static_cast<std::size_t>(parts_);
  }

  Sight at(std::size_t index) const {
    const std::size_t image_index = index / static_cast<std::size_t>(parts_);
    const std::string name =
        files_.empty() ? fmt::format("scene {}", image_index) : files_[image_index].string();
    HostImage image = files_.empty() ? decode::decode_image(sample_images_[image_index], name)
                                     : decode::decode_image(read_image(files_[image_index]), name);
    const auto width = static_cast<float>(image.width) / static_cast<float>(parts_);
    const float left = width * static_cast<float>(index % static_cast<std::size_t>(parts_));
    const std::array<float, 4> part{left, 0, left + width, static_cast<float>(image.height)};
    return {name, std::move(image), part};
  }

 private:
  const std::vector<fs::path>& files_;
  std::vector<std::span<const std::byte>> sample_images_;
  int parts_;
};

/// By what the engine really computes in, whatever was asked for.
ParityLimits limits_for(ParityLimits limits, Precision ran, const Device& device) {
  if (device.on_gpu() || ran == Precision::fp32) return limits;
  limits.box_px = limits.keypoint_px = limits.cpu_px;
  limits.confidence = limits.cpu_confidence;
  limits.share_before_nms = limits.share_after_nms = limits.cpu_share;
  return limits;
}

/// What engines are validated against, at the engine's own input shape.
class Reference {
 public:
  Reference(const Model& model, const EngineContext& context, const InputShape& shape)
      : graph_(model.graph(shape)) {
    graph::run_passes(graph_);
    const bool is_reference = context.precision == Precision::fp32 &&
                              (context.builder->name() == "cuda" || !context.device.on_gpu());
    const auto builder = is_reference ? nullptr : reference_builder(context.device);
    BuildOptions options;
    options.device = context.device;
    options.tune = false;
    if (!builder || !builder->unsupported(graph_, options).empty()) return;
    engine_ = builder->load(builder->build(graph_, options), context.device);
    name_ = builder->name() + " fp32";
  }
  const std::string& name() const { return name_; }
  std::vector<HostTensor> run(const TensorView& input) {
    return engine_ ? run_on_host(*engine_, {&input, 1}) : graph::run_reference(graph_, {&input, 1});
  }

 private:
  graph::Graph graph_;
  std::unique_ptr<Engine> engine_;
  std::string name_ = "reference executor fp32";
};

/// Shows both sides the same batches and adds up what they answer.
class ImageComparison {
 public:
  /// `answer`: of an independent program, on the same sample images.
  ImageComparison(Engine& engine, Reference& reference, const Model& model, const InputShape& shape,
                  const ParityLimits& limits, const WitnessAnswer& answer)
      : engine_(engine),
        reference_(reference),
        whole_(model),
        model_(model.info()),
        shape_(shape),
        objects_(model_, limits),
        plausibility_(model_, limits.min_confidence),
        witness_(model_, limits, answer) {
    if (is_onnx_file(model)) of_file_.emplace();
    for (const Binding& binding : engine.io())
      if (!binding.is_input) names_.push_back(binding.name);
  }

  /// At most a batch, which begins with the `first`th sample image; slots that are left over see the first
  /// ones again.
  void run(std::span<const Sight> sample_images, std::size_t first) {
    HostTensor input = HostTensor::zeros(DType::f32, {shape_.batch, 3, shape_.height, shape_.width});
    std::vector<Geometry> geometry;
    geometry.reserve(static_cast<std::size_t>(shape_.batch));
    for (int slot = 0; slot < shape_.batch; ++slot)
      geometry.push_back(
          prepare(sample_images[static_cast<std::size_t>(slot) % sample_images.size()], input.view(), slot));
    const TensorView view = input.view();
    const auto expected = reference_.run(view);
    std::vector<Shape> shapes;
    shapes.reserve(expected.size());
    for (const HostTensor& tensor : expected) shapes.push_back(tensor.shape());
    const auto actual = run_on_host(engine_, {&view, 1}, shapes);
    heads_.add(expected, actual);
    for (std::size_t i = 0; i < sample_images.size(); ++i) {
      const int slot = static_cast<int>(i);
      objects_.add(sample_images[i].name, {names_, expected}, {names_, actual}, slot, geometry[i]);
      plausibility_.add({names_, actual}, slot, geometry[i]);
      if (!of_file_) witness_.add(first + i, sample_images[i].name, {names_, actual}, slot, geometry[i]);
    }
    if (of_file_ && first == 0) of_file_ = hear_onnx_frontend(whole_, view, expected);
  }

  const HeadAgreement& heads() const { return heads_; }
  const ObjectParity& objects() const { return objects_; }
  const Plausibility& plausibility() const { return plausibility_; }
  Testimony testimony() const { return of_file_ ? *of_file_ : witness_.finish(); }

 private:
  Geometry prepare(const Sight& sample_image, const TensorView& input, int slot) const {
    const HostImage& image = sample_image.image;
    const Geometry geometry = preprocess::letterbox(image.width, image.height, shape_.width, shape_.height);
    if (traits_of(model_).embeds)
      preprocess::reid_crop_into(image.view(), sample_image.part, input, slot);
    else
      preprocess::letterbox_into(image.view(), geometry, input, slot);
    return geometry;
  }

  Engine& engine_;
  Reference& reference_;
  const Model& whole_;
  const ModelInfo& model_;
  InputShape shape_;
  std::vector<std::string> names_;
  HeadAgreement heads_;
  ObjectParity objects_;
  Plausibility plausibility_;
  WitnessParity witness_;
  std::optional<Testimony> of_file_;  ///< of an ONNX file
};

/// The rules of the design: shares of objects where there are enough, cosines of the head tensors otherwise.
void evaluate(const ImageComparison& comparison, const ParityLimits& limits, bool fp32,
              store::ValidationRecord& record) {
  const HeadAgreement& heads = comparison.heads();
  record.objects = comparison.objects().objects();
  record.mismatches = comparison.objects().mismatches();
  if (record.objects >= enough_objects) {
    record.checks = comparison.objects().checks();
    record.note = fmt::format("{} reference objects compared; lowest cosine of a head tensor {:.6f}",
                              record.objects, heads.cosine());
  } else {
    record.checks.push_back({.name = "cosine of the head tensors",
                             .value = heads.cosine(),
                             .limit = limits.head_cosine,
                             .at_least = true});
    record.note = fmt::format("under {} reference objects ({}): raw head tensors compared", enough_objects,
                              record.objects);
  }
  if (fp32)
    record.checks.push_back(
        {.name = "heads' largest difference, relative", .value = heads.relative(), .limit = most_relative});
}

/// What reference and engine may share: boxes that are none, and a file that was read wrongly.
void evaluate_alone(const ImageComparison& comparison, store::ValidationRecord& record) {
  std::ranges::move(comparison.plausibility().checks(), std::back_inserter(record.checks));
  if (const std::string note = comparison.plausibility().note(); !note.empty()) record.note += ", " + note;
  Testimony testimony = comparison.testimony();
  record.witness = std::move(testimony.witness);
  std::ranges::move(testimony.checks, std::back_inserter(record.checks));
  std::ranges::move(testimony.mismatches, std::back_inserter(record.mismatches));
}

WitnessAnswer ask(const Model& model, const InputShape& shape, const VerificationOptions& options) {
  if (is_onnx_file(model)) return {};
  if (options.witness) return options.witness(shape);
  return {.name = {}, .why = "PyTorch runs checkpoints, in `peregrine migrate` alone, where --python has it"};
}

}  // namespace

std::string conditions_of(const ParityLimits& limits, const std::vector<fs::path>& files) {
  Sha256 digest;
  digest.update(fmt::format("{} {} {} {} {} {} {} {} {} {} {} {}", limits.min_confidence, limits.box_px,
                            limits.confidence, limits.mask_iou, limits.keypoint_px, limits.embedding_cosine,
                            limits.share_before_nms, limits.share_after_nms, limits.head_cosine,
                            limits.cpu_px, limits.cpu_confidence, limits.cpu_share));
  for (const fs::path& file : files) digest.update(read_image(file));
  return digest.hex();
}

store::ValidationRecord verify(Engine& engine, const Model& model, const EngineContext& context,
                               const InputShape& shape, const VerificationOptions& options) {
  const auto report = [&](double share, std::string_view what) {
    if (options.progress && !options.progress(share, what))
      throw Error("interrupted.build", "The build was cancelled.");
  };
  report(0, "preparing the FP32 reference");
  Reference reference(model, context, shape);
  const ParityLimits limits = limits_for(context.limits, engine.precision(), context.device);
  report(0, "asking an independent witness");
  const WitnessAnswer answer = ask(model, shape, options);
  ImageComparison comparison(engine, reference, model, shape, limits, answer);
  const Sights sample_images(options.images, model.info().task);
  for (std::size_t begin = 0; begin < sample_images.size();) {
    report(static_cast<double>(begin) / static_cast<double>(sample_images.size()),
           "comparing with " + reference.name());
    std::vector<Sight> batch;
    while (begin < sample_images.size() && batch.size() < static_cast<std::size_t>(shape.batch))
      batch.push_back(sample_images.at(begin++));
    comparison.run(batch, begin - batch.size());
  }
  store::ValidationRecord record{.ran = true,
                                 .reference = reference.name(),
                                 .driver = context.driver,
                                 .date = store::utc_now(),
                                 .images = static_cast<int>(sample_images.size()),
                                 .objects = 0,
                                 .checks = {},
                                 .note = {}};
  evaluate(comparison, limits, context.precision == Precision::fp32, record);
  evaluate_alone(comparison, record);
  record.conditions = conditions_of(context.limits, options.images);
  const Precision ran = engine.precision();
  if (!context.device.on_gpu() && ran != Precision::fp32)
    record.note += fmt::format(", within the limits of {} on a CPU", to_string(ran));
  if (!context.device.on_gpu() && ran != context.precision)
    record.unavailable = fmt::format("{} is not available on this CPU: {} ran {}",
                                     to_string(context.precision), context.builder->name(), to_string(ran));
  record.note += options.images.empty() ? ", on the built-in sample images" : ", on images that were given";
  return record;
}

}  // namespace peregrine::engine_cache
