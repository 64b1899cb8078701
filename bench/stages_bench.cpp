// Preprocess and postprocess on this machine's GPU: a 1080p image with fifty objects, FP16 heads of an
// 80-class model at 640x640, channels-last. Each stage is recorded as a CUDA graph and replayed; results are
// compared with the host's first.
//
// stages_bench [--json FILE] [BATCH...]      default: 1 16
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/half.h"
#include "core/head_names.h"
#include "core/tensor.h"
#include "cuda/array.h"
#include "cuda/device.h"
#include "cuda/graph.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
#include "peregrine/error.h"
#include "stages/postprocess/cuda/postprocess.h"
#include "stages/preprocess/cuda/preprocess.h"
#include "stages/preprocess/letterbox.h"
#include "stages/preprocess/preprocess.h"

namespace {

using namespace peregrine;
using postprocess::NamedTensor;

constexpr int side = 640, image_width = 1920, image_height = 1080;
constexpr int objects_across = 10, objects_down = 5;
constexpr int replays = 200;

/// A channels-last FP16 tensor on the host, and its copy on the device.
struct Tensor {
  std::string name;
  HostTensor host;
  TensorView view;
  cuda::DeviceBuffer device;

  template <class Value>
  Tensor(std::string tensor_name, const Shape& shape, Value value)
      : name(std::move(tensor_name)), host(DType::f16, shape), view(host.view()), device(host.bytes(), name) {
    view.strides = channels_last_strides(shape);
    for (std::int64_t n = 0; n < shape[0]; ++n)
      for (std::int64_t c = 0; c < shape[1]; ++c)
        for (std::int64_t y = 0; y < shape[2]; ++y)
          for (std::int64_t x = 0; x < shape[3]; ++x)
            view.as<Half>()[n * view.strides[0] + c + y * view.strides[2] + x * view.strides[3]] =
                to_half(value(static_cast<int>(c), static_cast<int>(y), static_cast<int>(x)));
  }
  void upload(cudaStream_t stream) const {
    cuda::copy_to_device("heads", device.data(), host.as<Half>(), host.bytes(), stream);
  }
  NamedTensor on_host() const { return {name, view}; }
  NamedTensor on_device() const {
    NamedTensor tensor{name, view};
    tensor.view.data = device.data();
    tensor.view.device = Device::cuda(0);
    return tensor;
  }
};

/// Fifty objects on the middle level, about 290 pixels wide in the image; nothing elsewhere.
std::vector<Tensor> planted_heads(const ModelInfo& model, const Geometry& g, int batch) {
  std::vector<Tensor> tensors;
  tensors.reserve(16);
  for (int level = 0; level < 3; ++level) {
    const int cells = side / model.strides[level];
    const int top = g.pad_top / model.strides[level], column_step = cells / objects_across,
              row_step = (cells - 2 * top) / objects_down;
    const auto planted = [&](int y, int x) {
      const int row = y - top;
      return level == 1 && x % column_step == 1 && row >= 0 && row < row_step * objects_down &&
             row % row_step == 1;
    };
    tensors.emplace_back(head::box_output(level), Shape{batch, 4 * model.dfl_bins, cells, cells},
                         [&](int c, int, int) { return c % model.dfl_bins == 3 ? 12.0f : 0.0f; });
    tensors.emplace_back(head::class_output(level), Shape{batch, 80, cells, cells}, [&](int c, int y, int x) {
      return planted(y, x) && c == (x + y) % 80 ? 2.0f : -9.0f;
    });
    if (model.task == Task::segment)
      tensors.emplace_back(
          head::coefficient_output(level), Shape{batch, 32, cells, cells},
          [](int c, int y, int x) { return std::sin(static_cast<float>(c * 7 + y * 3 + x)); });
  }
  if (model.task == Task::segment)
    tensors.emplace_back(head::proto_output, Shape{batch, 32, side / 4, side / 4}, [](int c, int y, int x) {
      return std::sin(static_cast<float>(x) * 0.05f * static_cast<float>(c % 5 + 1)) +
             std::cos(static_cast<float>(y) * 0.04f * static_cast<float>(c % 7 + 1));
    });
  return tensors;
}

/// Microseconds a replay, median over rounds of ten.
double time_graph(const cuda::Graph& graph, cudaStream_t stream) {
  constexpr int round = 10;
  const cuda::Event start = cuda::Event::create_timing(), end = cuda::Event::create_timing();
  std::vector<float> times;
  for (int i = 0; i < replays / round + 3; ++i) {
    start.record(stream);
    for (int k = 0; k < round; ++k) graph.launch(stream);
    end.record(stream);
    end.synchronize();
    if (i >= 3) times.push_back(end.milliseconds_since(start) * 1000 / round);
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

double time_preprocess(const Geometry& geometry, int batch, cudaStream_t stream) {
  HostImage image{image_width, image_height, PixelOrder::bgr, {}};
  for (int i = 0; i < image_width * image_height * 3; ++i)
    image.pixels.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(i) * 2654435761u >> 24));
  const cuda::DeviceArray<std::uint8_t> pixels(image.pixels.size(), "picture");
  cuda::copy_to_device("picture", pixels, image.pixels, stream);
  const std::vector<preprocess::InputImage> images(
      batch, {pixels.data(), std::ptrdiff_t{3} * image_width, image.order, geometry});
  const cuda::DeviceArray<preprocess::InputImage> descriptors(images.size(), "descriptors");
  cuda::copy_to_device("descriptors", descriptors, images, stream);

  const Shape shape{batch, 3, side, side};
  const Strides strides{side * side * 4, 1, side * 4, 4};
  HostTensor expected = HostTensor::zeros(DType::f16, {batch, side, side, 4}),
             got(DType::f16, expected.shape());
  for (int n = 0; n < batch; ++n)
    preprocess::letterbox_into(image.view(), geometry,
                               {expected.as<Half>(), DType::f16, Device::cpu(), shape, strides}, n);
  const cuda::DeviceBuffer input(expected.bytes(), "input");
  const auto work = [&] {
    preprocess::letterbox_batch(descriptors.data(), batch,
                                {input.data(), DType::f16, Device::cuda(0), shape, strides}, stream);
  };
  work();
  cuda::copy_to_host("input", got.as<Half>(), input.data(), input.bytes(), stream);
  cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  if (!std::equal(got.as<std::uint16_t>(), got.as<std::uint16_t>() + got.shape().elements(),
                  expected.as<std::uint16_t>()))
    throw Error("validation.bench", "The letterbox on the GPU differs from the host's.");
  return time_graph(cuda::Graph::capture(stream, work), stream);
}

struct PostprocessTime {
  double microseconds;
  std::size_t objects, bytes;
};

PostprocessTime time_postprocess(Task task, const Geometry& geometry, int batch, cudaStream_t stream) {
  ModelInfo model;
  model.task = task;
  model.name = "planted";
  model.class_names.assign(80, "thing");
  model.strides = {8, 16, 32};
  model.mask_channels = task == Task::segment ? 32 : 0;
  std::vector<NamedTensor> host, device;
  const std::vector<Tensor> tensors = planted_heads(model, geometry, batch);
  for (const Tensor& tensor : tensors) {
    tensor.upload(stream);
    host.push_back(tensor.on_host());
    device.push_back(tensor.on_device());
  }
  const postprocess::DevicePostprocess kernels(model, device, {}, 1 << 20);
  const cuda::DeviceBuffer workspace(kernels.workspace_bytes(), "workspace");
  const cuda::PinnedBuffer record(kernels.layout().bytes, "record");
  const std::vector<Geometry> all(batch, geometry);
  const cuda::DeviceArray<Geometry> geometries(all.size(), "geometries");
  cuda::copy_to_device("geometries", geometries, all, stream);
  const auto work = [&] {
    kernels.enqueue(workspace.data(), {geometries.data()}, batch, record.data(), stream);
  };
  work();
  cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  const auto expected = postprocess::postprocess(model, host, 0, geometry, {}).objects;
  const auto got =
      postprocess::read_record(model, kernels.layout(), record.data(), batch - 1, geometry, {}).objects;
  const bool same = std::equal(got.begin(), got.end(), expected.begin(), expected.end(),
                               [](const Object& a, const Object& b) {
                                 return a.class_id == b.class_id && std::abs(a.box[0] - b.box[0]) < 0.01f &&
                                        a.mask.has_value() == b.mask.has_value();
                               });
  if (!same) throw Error("validation.bench", "The objects found on the GPU differ from the host's.");
  const double time = time_graph(cuda::Graph::capture(stream, work), stream);
  return {time, got.size(), postprocess::used_bytes(kernels.layout(), record.data(), batch)};
}

nlohmann::ordered_json run(int batch) {
  const cuda::Stream stream = cuda::Stream::create();
  const Geometry geometry = preprocess::letterbox(image_width, image_height, side, side);
  const double letterbox = time_preprocess(geometry, batch, stream.get());
  fmt::print("batch {}\n  letterbox            {:8.2f} us\n", batch, letterbox);
  nlohmann::ordered_json row{{"batch", batch}, {"letterbox_us", letterbox}};
  for (const Task task : {Task::detect, Task::segment}) {
    const PostprocessTime t = time_postprocess(task, geometry, batch, stream.get());
    fmt::print("  postprocess {:8} {:8.2f} us   {} objects an image, {} bytes of results\n", to_string(task),
               t.microseconds, t.objects, t.bytes);
    row[fmt::format("postprocess_{}", to_string(task))] = {
        {"us", t.microseconds}, {"objects", t.objects}, {"result_bytes", t.bytes}};
  }
  return row;
}

}  // namespace

int main(int count, char** values) {
  try {
    std::vector<int> batches;
    std::string json;
    for (int i = 1; i < count; ++i) {
      if (std::string_view(values[i]) == "--json" && i + 1 < count)
        json = values[++i];
      else
        batches.push_back(std::max(1, std::atoi(values[i])));
    }
    if (batches.empty()) batches = {1, 16};
    nlohmann::ordered_json all{
        {"gpu", cuda::device_facts(0).identity()}, {"driver_cuda", cuda::driver_version()}, {"rows", {}}};
    fmt::print("{}\n", cuda::device_facts(0).identity());
    for (const int batch : batches) all["rows"].push_back(run(batch));
    if (!json.empty()) std::ofstream(json) << all.dump(1) << '\n';
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
