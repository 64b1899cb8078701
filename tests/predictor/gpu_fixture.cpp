#include "gpu_fixture.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "cuda/device.h"
#include "engine/cuda/runtime/cuda_builder.h"
#include "peregrine/settings.h"
#include "predictor/gpu/gpu_runner.h"
#include "stages/decode/decode.h"
#include "support/forwarding_builder.h"

namespace peregrine::test {

engine_cache::EngineContext untuned_cuda(Precision precision) {
  return {std::make_unique<UntunedBuilder>(make_cuda_builder()), Device::cuda(0), cuda::device_facts(0).name,
          precision};
}

std::unique_ptr<predictor::BatchRunner> make_gpu_runner(const GpuRun& run) {
  Settings settings;
  settings.batch = run.batch;
  settings.imgsz = run.imgsz;
  if (run.without_nms) {
    settings.iou = 1;
    settings.max_det = 2000;
  }
  PipelineOptions options;
  options.models = run.models;
  options.reid = run.reid;
  options.reid_classes = run.reid_classes;
  options.rect = run.rect;
  options.max_pixels = run.max_pixels;
  return predictor::make_gpu_runner(untuned_cuda(run.precision), settings, options, {});
}

std::vector<std::byte> read_bytes(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(stream), {}};
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

InputImage read_image(const std::filesystem::path& file) {
  InputImage image{file.filename().string(), read_bytes(file), {}};
  image.pixels = decode::decode_image(image.file, image.name);
  return image;
}

std::vector<ImageResult> run_images(predictor::BatchRunner& runner, int batch,
                                    const std::vector<InputImage>& images, Hand hand) {
  std::vector<ImageResult> results;
  for (std::size_t begin = 0; begin < images.size(); begin += static_cast<std::size_t>(batch)) {
    std::vector<predictor::Frame> frames;
    for (std::size_t i = begin; i < images.size() && frames.size() < static_cast<std::size_t>(batch); ++i) {
      predictor::Frame& frame = frames.emplace_back(predictor::Frame{images[i].name, {}, {}});
      if (hand == Hand::files)
        frame.file = images[i].file;
      else
        frame.pixels = images[i].pixels.view();
    }
    for (predictor::RunnerResult& frame_result : runner.run(frames)) {
      if (frame_result.error) ADD_FAILURE() << frame_result.error->what();
      results.push_back(frame_result.result ? std::move(*frame_result.result) : ImageResult{});
    }
  }
  return results;
}

}  // namespace peregrine::test
