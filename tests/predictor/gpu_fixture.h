// Pipelines on the GPU for tests: engines with default kernels, so that nothing is tuned, and images as files
// or pixels.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine_cache/engine_context.h"
#include "peregrine/image.h"
#include "peregrine/settings.h"
#include "predictor/batch_runner.h"

namespace peregrine::test {

/// The cuda engine on the first device, untuned.
engine_cache::EngineContext untuned_cuda(Precision precision);

struct GpuRun {
  std::vector<std::filesystem::path> models;
  std::optional<std::filesystem::path> reid{};
  std::vector<std::string> reid_classes{"person"};
  Precision precision = Precision::fp16;
  int batch = 1;
  bool rect = false;
  std::optional<InputSize> imgsz{};
  std::int64_t max_pixels = std::int64_t{1} << 28;
  bool without_nms = false;  ///< all candidates above the threshold are objects
};
std::unique_ptr<predictor::BatchRunner> make_gpu_runner(const GpuRun& run);

/// An image, as its file and as what the host decodes from it.
struct InputImage {
  std::string name;
  std::vector<std::byte> file;
  HostImage pixels;
};
std::vector<std::byte> read_bytes(const std::filesystem::path& file);
InputImage read_image(const std::filesystem::path& file);

enum class Hand : std::uint8_t { pixels, files };
/// Results of all images, in order; an image that fails is a failure of the test.
std::vector<ImageResult> run_images(predictor::BatchRunner& runner, int batch,
                                    const std::vector<InputImage>& images, Hand hand);

}  // namespace peregrine::test
