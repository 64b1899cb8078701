#include "bench_work.h"

#include <fmt/format.h>

#include <chrono>

#include "core/os/read_whole_file.h"
#include "engine_cache/engine_cache.h"
#include "peregrine/error.h"
#include "stages/decode/decode.h"

namespace peregrine::cli {

namespace {

HostImage generated_image(int width, int height) {
  HostImage image{
      width, height, PixelOrder::bgr,
      std::vector<std::uint8_t>(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3)};
  const auto row = static_cast<std::size_t>(width) * 3;
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] =
        static_cast<std::uint8_t>(128 + static_cast<int>(i * 7 % 1280 / 16) - static_cast<int>(i / row % 97));
  return image;
}

}  // namespace

DetectorWork::DetectorWork(const Settings& settings, const PipelineOptions& options,
                           const std::vector<std::string>& sources)
    : pipeline_(settings, options), image_(generated_image(1280, 720)) {
  for (int i = 0; i < settings.batch && !sources.empty(); ++i)
    files_.push_back(sources[static_cast<std::size_t>(i) % sources.size()]);
  views_.assign(static_cast<std::size_t>(settings.batch), image_.view());
}

std::vector<ImageResult> DetectorWork::run() {
  if (files_.empty()) return pipeline_.run(views_);
  std::vector<ImageResult> results;
  pipeline_.run(files_, [&](const FrameResult& frame_result) {
    if (frame_result.error) throw Error(*frame_result.error);
    if (frame_result.result) results.push_back(*frame_result.result);
    return true;
  });
  return results;
}

ReidWork::ReidWork(const Settings& settings, const PipelineOptions& options,
                   const std::filesystem::path& model, const std::vector<std::string>& sources) {
  for (const std::string& source : sources)
    if (images_.size() < static_cast<std::size_t>(settings.batch))
      images_.push_back(
          decode::decode_image(read_whole_file(source).value_or(std::vector<std::byte>{}), source));
  if (images_.empty()) images_.push_back(generated_image(128, 256));
  for (std::size_t i = 0; i < static_cast<std::size_t>(settings.batch); ++i)
    persons_.push_back(images_[i % images_.size()].view());
  engine_cache::EngineContext context =
      engine_cache::choose_engine(settings, options.engine, options.progress);
  context.store = settings.store;
  context.unverified = options.unverified;
  embedder_ = predictor::make_person_embedder(engine_cache::open_model_expecting(model, {.task = Task::reid}),
                                              context, settings, settings.batch);
  info_ = {context.builder->name(),
           fmt::format("{} ({})", to_string(context.device), context.device_name),
           embedder_->precision(),
           {}};
}

std::vector<ImageResult> ReidWork::run() {
  const auto begin = std::chrono::steady_clock::now();
  auto embeddings = embedder_->run(persons_);
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - begin;
  std::vector<ImageResult> results(embeddings.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    Object person{.task = Task::reid,
                  .confidence = 1,
                  .keypoints = {},
                  .mask = {},
                  .embedding = std::move(embeddings[i])};
    results[i].objects.push_back(std::move(person));
    results[i].time_ms.inference = spent.count() / static_cast<double>(results.size());
  }
  return results;
}

}  // namespace peregrine::cli
