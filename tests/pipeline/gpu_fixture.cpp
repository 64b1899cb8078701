#include "gpu_fixture.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "base/cuda/device.h"
#include "decode/decode.h"
#include "engine/cuda/cuda_builder.h"
#include "peregrine/settings.h"
#include "pipeline/gpu_runner.h"
#include "support/forwarding_builder.h"

namespace peregrine::test {

provision::EngineChoice untuned_cuda(Precision precision) {
  return {std::make_unique<UntunedBuilder>(make_cuda_builder()), Device::cuda(0), cuda::device_facts(0).name, precision};
}

std::unique_ptr<pipeline::BatchRunner> make_gpu_runner(const GpuRun& run) {
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
  return pipeline::make_gpu_runner(untuned_cuda(run.precision), settings, options, {});
}

std::vector<std::byte> read_bytes(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(stream), {}};
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

Picture read_picture(const std::filesystem::path& file) {
  Picture picture{file.filename().string(), read_bytes(file), {}};
  picture.pixels = decode::decode_image(picture.file, picture.name);
  return picture;
}

std::vector<ImageResult> run_pictures(pipeline::BatchRunner& runner, int batch, const std::vector<Picture>& pictures, Hand hand) {
  std::vector<ImageResult> results;
  for (std::size_t begin = 0; begin < pictures.size(); begin += static_cast<std::size_t>(batch)) {
    std::vector<pipeline::Frame> frames;
    for (std::size_t i = begin; i < pictures.size() && frames.size() < static_cast<std::size_t>(batch); ++i) {
      pipeline::Frame& frame = frames.emplace_back(pipeline::Frame{pictures[i].name, {}, {}});
      if (hand == Hand::files)
        frame.file = pictures[i].file;
      else
        frame.pixels = pictures[i].pixels.view();
    }
    for (pipeline::FrameOutcome& outcome : runner.run(frames)) {
      if (outcome.error) ADD_FAILURE() << outcome.error->what();
      results.push_back(outcome.result ? std::move(*outcome.result) : ImageResult{});
    }
  }
  return results;
}

}  // namespace peregrine::test
