#include "engine/openvino/onnx_frontend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <openvino/core/preprocess/pre_post_process.hpp>
#include <openvino/core/version.hpp>
#include <openvino/runtime/core.hpp>

#include "engine/openvino/openvino_engine.h"
#include "peregrine/error.h"

namespace peregrine {

namespace {

/// OpenVINO's exceptions begin with lines about its own sources; the last line says what is the matter.
std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

Error cannot(const char* what, const std::exception& error) {
  return {"engine.openvino",
          fmt::format("OpenVINO's ONNX frontend cannot {} the file: {}", what, last_line(error.what()))};
}

/// So that it takes FP32 and N x 3 x H x W whatever the file has, and gives FP32.
std::shared_ptr<ov::Model> adapted(const std::shared_ptr<ov::Model>& model, const ov::Shape& input) {
  const ov::Output<ov::Node> image = model->input();
  const ov::PartialShape shape = image.get_partial_shape();
  const bool channels_last = shape.rank().is_static() && shape.size() == 4 && shape[3] == 3 && shape[1] != 3;
  ov::preprocess::PrePostProcessor adapter(model);
  auto& in = adapter.input();
  in.tensor().set_element_type(ov::element::f32).set_shape(input).set_layout("NCHW");
  in.model().set_layout(channels_last ? "NHWC" : "NCHW");
  for (std::size_t i = 0; i < model->outputs().size(); ++i)
    adapter.output(i).tensor().set_element_type(ov::element::f32);
  return adapter.build();
}

}  // namespace

struct OnnxFrontend::Compiled {
  ov::InferRequest request;
  bool whole_numbers = false;
  std::vector<float> levels{};  ///< 0..255, for those
};

OnnxFrontend::OnnxFrontend(const std::filesystem::path& file, const Shape& input)
    : compiled_(std::make_unique<Compiled>()) {
  try {
    auto model = openvino::core().read_model(file.string());
    const ov::Shape shape(input.begin(), input.end());
    const ov::element::Type type = model->input().get_element_type();
    compiled_->whole_numbers = type.is_integral_number();
    if (compiled_->whole_numbers && (type.bitwidth() < 8 || type == ov::element::i8))
      throw std::runtime_error(
          fmt::format("nothing tells how an image is written in {}", type.get_type_name()));
    model = adapted(model, shape);
    model->reshape(shape);
    compiled_->request = openvino::core()
                             .compile_model(model, "CPU", openvino::configuration(Precision::fp32, 0))
                             .create_infer_request();
  } catch (const std::exception& error) {
    throw cannot("read", error);
  }
}

OnnxFrontend::~OnnxFrontend() = default;

std::string OnnxFrontend::name() {
  const std::string text = ov::get_openvino_version().buildNumber;
  return fmt::format("OpenVINO {}, ONNX frontend", text.substr(0, text.find('-')));
}

std::vector<HostTensor> OnnxFrontend::run(const TensorView& input) {
  try {
    void* values = input.data;
    if (compiled_->whole_numbers) {
      std::vector<float>& levels = compiled_->levels;
      levels.resize(static_cast<std::size_t>(input.shape.elements()));
      std::transform(input.as<float>(), input.as<float>() + levels.size(), levels.begin(),
                     [](float value) { return std::nearbyint(value * 255); });
      values = levels.data();
    }
    compiled_->request.set_input_tensor(
        {ov::element::f32, ov::Shape(input.shape.begin(), input.shape.end()), values});
    compiled_->request.infer();
    std::vector<HostTensor> outputs;
    for (std::size_t i = 0; i < compiled_->request.get_compiled_model().outputs().size(); ++i) {
      const ov::Tensor output = compiled_->request.get_output_tensor(i);
      Shape shape;
      for (const std::size_t extent : output.get_shape()) shape.push_back(static_cast<std::int64_t>(extent));
      outputs.emplace_back(DType::f32, shape);
      std::copy_n(output.data<const float>(), output.get_size(), outputs.back().as<float>());
    }
    return outputs;
  } catch (const std::exception& error) {
    throw cannot("run", error);
  }
}

}  // namespace peregrine
