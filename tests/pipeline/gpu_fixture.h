// Pipelines on the GPU for tests: engines with default kernels, so that nothing is tuned, and pictures as files or pixels.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peregrine/image.h"
#include "peregrine/settings.h"
#include "pipeline/batch_runner.h"
#include "provision/engine_choice.h"

namespace peregrine::test {

/// The cuda engine on the first device, untuned.
provision::EngineChoice untuned_cuda(Precision precision);

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
std::unique_ptr<pipeline::BatchRunner> make_gpu_runner(const GpuRun& run);

/// A picture, as its file and as what the host decodes from it.
struct Picture {
  std::string name;
  std::vector<std::byte> file;
  HostImage pixels;
};
std::vector<std::byte> read_bytes(const std::filesystem::path& file);
Picture read_picture(const std::filesystem::path& file);

enum class Hand : std::uint8_t { pixels, files };
/// Results of all pictures, in order; a picture that fails is a failure of the test.
std::vector<ImageResult> run_pictures(pipeline::BatchRunner& runner, int batch, const std::vector<Picture>& pictures, Hand hand);

}  // namespace peregrine::test
