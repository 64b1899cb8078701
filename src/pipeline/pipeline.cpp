#include "peregrine/pipeline.h"

#include <chrono>
#include <future>

#include "base/log.h"
#include "decode/decode.h"
#include "pipeline/batch_runner.h"
#include "pipeline/class_filter.h"
#include "pipeline/cpu_runner.h"
#include "pipeline/engine_choice.h"
#include "source/source.h"

namespace peregrine {

namespace {

/// A source on its way through the pipeline.
struct Loaded {
  source::Item item;
  std::optional<HostImage> image;
  std::optional<Error> error;
  double decode_ms = 0;
};

Loaded load(const source::Item& item, std::int64_t max_pixels) {
  Loaded loaded{item, {}, {}, 0};
  try {
    const auto bytes = source::read_file(item);
    const auto start = std::chrono::steady_clock::now();
    loaded.image = decode::decode_image(bytes, item.display, max_pixels);
    loaded.decode_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  } catch (const Error& error) {
    loaded.error = error;
  }
  return loaded;
}

}  // namespace

struct Pipeline::Impl {
  Settings settings;
  PipelineOptions options;
  std::unique_ptr<pipeline::BatchRunner> runner;

  std::vector<Loaded> load_batch(std::span<const source::Item> items) const {
    std::vector<Loaded> batch;
    for (const source::Item& item : items) batch.push_back(load(item, options.max_pixels));
    return batch;
  }
  std::vector<ImageResult> run_batch(const std::vector<Loaded>& batch);
};

Pipeline::Pipeline(const Settings& settings, const PipelineOptions& options) : impl_(std::make_unique<Impl>()) {
  if (options.models.empty()) throw Error("usage.model", "No model was given.", "Name a checkpoint with --model.");
  impl_->settings = settings;
  impl_->options = options;
  impl_->runner = pipeline::make_cpu_runner(pipeline::choose_engine(settings, options.engine), settings, options);
}

Pipeline::~Pipeline() = default;
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;

const RunInfo& Pipeline::info() const { return impl_->runner->info(); }
const std::vector<ModelInfo>& Pipeline::models() const { return impl_->runner->models(); }

std::vector<ImageResult> Pipeline::run(std::span<const ImageView> images) {
  std::vector<ImageResult> results;
  const auto most = static_cast<std::size_t>(impl_->settings.batch);
  for (std::size_t begin = 0; begin < images.size(); begin += most)
    for (ImageResult& result : impl_->runner->run(images.subspan(begin, std::min(most, images.size() - begin))))
      results.push_back(std::move(result));
  return results;
}

std::vector<ImageResult> Pipeline::Impl::run_batch(const std::vector<Loaded>& batch) {
  std::vector<ImageView> views;
  for (const Loaded& loaded : batch)
    if (loaded.image) views.push_back(loaded.image->view());
  if (views.empty()) return {};
  std::vector<ImageResult> results = runner->run(views);
  std::size_t next = 0;
  for (const Loaded& loaded : batch) {
    if (!loaded.image) continue;
    results[next].path = loaded.item.display;
    results[next++].time_ms.decode = loaded.decode_ms;
  }
  return results;
}

std::size_t Pipeline::run(const std::vector<std::string>& sources, const Callback& deliver) {
  const std::vector<source::Item> items = source::expand(sources);
  const auto most = static_cast<std::size_t>(impl_->settings.batch);
  const auto batch_at = [&](std::size_t begin) {
    return std::span(items).subspan(std::min(begin, items.size()), std::min(most, items.size() - std::min(begin, items.size())));
  };
  const auto load_at = [&](std::size_t begin) {
    return std::async(std::launch::async, [&, begin] { return impl_->load_batch(batch_at(begin)); });
  };
  std::size_t delivered = 0;
  auto upcoming = load_at(0);
  for (std::size_t begin = 0; begin < items.size(); begin += most) {
    const std::vector<Loaded> batch = upcoming.get();
    upcoming = load_at(begin + most);  // decodes while this batch runs
    std::vector<ImageResult> results = impl_->run_batch(batch);
    std::size_t next = 0;
    for (const Loaded& loaded : batch) {
      Outcome outcome{loaded.item.display, delivered, items.size(), {}, loaded.error, nullptr};
      if (loaded.image) {
        outcome.result = std::move(results[next++]);
        outcome.image = &*loaded.image;
      }
      ++delivered;
      if (!deliver(outcome)) return delivered;
    }
  }
  return delivered;
}

}  // namespace peregrine
