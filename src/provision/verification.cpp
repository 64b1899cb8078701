#include "provision/verification.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

#include "compare/parity.h"
#include "decode/decode.h"
#include "engine/host_run.h"
#include "graph/passes.h"
#include "graph/reference.h"
#include "peregrine/error.h"
#include "preprocess/letterbox.h"
#include "preprocess/preprocess.h"

namespace peregrine::provision {

namespace {

namespace fs = std::filesystem;

/// Limits of the design: cosine of each head tensor; on a CPU in less than FP32 OpenVINO departs further.
constexpr double least_cosine = 0.999, least_cosine_on_cpu = 0.99;
/// FP32 against FP32: largest difference, relative to the tensor's largest value.
constexpr double most_relative = 1e-3;

/// A picture that every installation has: bands of colour under discs and noise, so that all channels and scales see edges.
HostImage generated_picture() {
  HostImage image{640, 480, PixelOrder::bgr, std::vector<std::uint8_t>(std::size_t{640} * 480 * 3)};
  std::uint32_t random = 1;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      for (int c = 0; c < 3; ++c) {
        random = random * 1664525u + 1013904223u;
        const int centre_x = 80 + 160 * (x / 160), centre_y = 80 + 160 * (y / 160);
        const bool disc = std::hypot(x - centre_x, y - centre_y) < 20 + 12 * (x / 160 + y / 160);
        const int value = (disc ? 200 - 60 * c : (x * (c + 1) / 4 + y / 3) % 180) + static_cast<int>(random >> 27);
        image.pixels[(static_cast<std::size_t>(y) * 640 + static_cast<std::size_t>(x)) * 3 + static_cast<std::size_t>(c)] =
            static_cast<std::uint8_t>(std::clamp(value, 0, 255));
      }
  return image;
}

std::vector<std::byte> read_picture(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// The picture in every slot of the batch.
HostTensor prepare(const HostImage& picture, const ModelInfo& model, const InputShape& shape) {
  HostTensor input = HostTensor::zeros(DType::f32, {shape.batch, 3, shape.height, shape.width});
  const auto geometry = preprocess::letterbox(picture.width, picture.height, shape.width, shape.height);
  const std::array<float, 4> whole{0, 0, static_cast<float>(picture.width), static_cast<float>(picture.height)};
  for (int n = 0; n < shape.batch; ++n)
    if (model.task == Task::reid)
      preprocess::reid_crop_into(picture.view(), whole, input.view(), n);
    else
      preprocess::letterbox_into(picture.view(), geometry, input.view(), n);
  return input;
}

/// What engines are held against, at the engine's own input shape.
class Reference {
 public:
  Reference(const Model& model, const EngineChoice& choice, const InputShape& shape) : graph_(model.graph(shape)) {
    graph::run_passes(graph_);
    const bool is_reference =
        choice.precision == Precision::fp32 && (choice.builder->name() == "cuda" || !choice.device.on_gpu());
    const auto builder = is_reference ? nullptr : reference_builder(choice.device);
    if (!builder || !builder->unsupported(graph_).empty()) return;
    BuildOptions options;
    options.device = choice.device;
    options.tune = false;
    engine_ = builder->load(builder->build(graph_, options), choice.device);
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

struct Agreement {
  double cosine = 1, relative = 0;

  void add(const HostTensor& expected, const HostTensor& actual) {
    const auto count = static_cast<std::size_t>(expected.shape().elements());
    const std::span a(expected.as<float>(), count), b(actual.as<float>(), count);
    double largest = 0, difference = 0;
    for (std::size_t i = 0; i < count; ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(a[i])));
      const double d = std::abs(static_cast<double>(a[i]) - b[i]);
      difference = d <= difference ? difference : d;  // a NaN stays
    }
    const double alike = largest == 0 && difference == 0 ? 1.0 : compare::cosine(a, b);
    cosine = alike >= cosine ? cosine : alike;
    const double share = difference / std::max(largest, 1e-30);
    relative = share <= relative ? relative : share;
  }
};

}  // namespace

store::ValidationRecord verify(Engine& engine, const Model& model, const EngineChoice& choice, const InputShape& shape,
                               const VerificationOptions& options) {
  const auto report = [&](double share, std::string_view what) {
    if (options.progress && !options.progress(share, what)) throw Error("interrupted.build", "The build was cancelled.");
  };
  report(0, "preparing the FP32 reference");
  Reference reference(model, choice, shape);
  std::vector<Shape> shapes;
  Agreement agreement;
  const std::size_t pictures = std::max<std::size_t>(1, options.pictures.size());
  for (std::size_t i = 0; i < pictures; ++i) {
    report(static_cast<double>(i) / static_cast<double>(pictures), "comparing with " + reference.name());
    const HostImage picture = options.pictures.empty()
                                  ? generated_picture()
                                  : decode::decode_image(read_picture(options.pictures[i]), options.pictures[i].string());
    const HostTensor input = prepare(picture, model.info(), shape);
    const TensorView view = input.view();
    const auto expected = reference.run(view);
    shapes.clear();
    for (const HostTensor& tensor : expected) shapes.push_back(tensor.shape());
    const auto actual = run_on_host(engine, {&view, 1}, shapes);
    for (std::size_t t = 0; t < expected.size(); ++t) agreement.add(expected[t], actual[t]);
  }
  const bool fp32 = choice.precision == Precision::fp32;
  store::ValidationRecord record{
      .ran = true,
      .reference = reference.name(),
      .driver = choice.driver,
      .date = store::utc_now(),
      .images = static_cast<int>(pictures),
      .objects = 0,
      .checks = {},
      .note = options.pictures.empty() ? "raw head tensors compared on one generated picture" : "raw head tensors compared"};
  record.checks.push_back({.name = "cosine of the head tensors",
                           .value = agreement.cosine,
                           .limit = fp32 || choice.device.on_gpu() ? least_cosine : least_cosine_on_cpu,
                           .at_least = true});
  if (fp32)
    record.checks.push_back({.name = "largest difference, relative", .value = agreement.relative, .limit = most_relative});
  return record;
}

}  // namespace peregrine::provision
