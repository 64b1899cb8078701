#include "peregrine/pipeline.h"

#include <chrono>
#include <future>

#include "base/log.h"
#include "decode/decode.h"
#include "pipeline/batch_runner.h"
#include "pipeline/class_filter.h"
#include "pipeline/engine_choice.h"
#include "pipeline/runners.h"
#include "source/source.h"

namespace peregrine {

namespace {

using pipeline::Frame;
using pipeline::FrameOutcome;

/// A source on its way through the pipeline.
struct Loaded {
  source::Item item;
  std::vector<std::byte> file;
  std::optional<HostImage> image;  ///< unless the runner decodes it
  std::optional<Error> error;
  double decode_ms = 0;
};

}  // namespace

struct Pipeline::Impl {
  Settings settings;
  PipelineOptions options;
  std::unique_ptr<pipeline::BatchRunner> runner;

  Loaded load(const source::Item& item) const;
  std::vector<Loaded> load_batch(std::span<const source::Item> items) const {
    std::vector<Loaded> batch;
    for (const source::Item& item : items) batch.push_back(load(item));
    return batch;
  }
  std::vector<FrameOutcome> run_batch(const std::vector<Loaded>& batch);
};

Loaded Pipeline::Impl::load(const source::Item& item) const {
  Loaded loaded{item, {}, {}, {}, 0};
  try {
    loaded.file = source::read_file(item);
    if (runner->decodes(loaded.file) && !options.keep_pixels) return loaded;
    const auto start = std::chrono::steady_clock::now();
    loaded.image = decode::decode_image(loaded.file, item.display, options.max_pixels);
    loaded.decode_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  } catch (const Error& error) {
    loaded.error = error;
  }
  return loaded;
}

Pipeline::Pipeline(const Settings& settings, const PipelineOptions& options) : impl_(std::make_unique<Impl>()) {
  if (options.models.empty()) throw Error("usage.model", "No model was given.", "Name a checkpoint with --model.");
  impl_->settings = settings;
  impl_->options = options;
  impl_->runner = pipeline::make_runner(pipeline::choose_engine(settings, options.engine), settings, options);
}

Pipeline::~Pipeline() = default;
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;

const RunInfo& Pipeline::info() const { return impl_->runner->info(); }
const std::vector<ModelInfo>& Pipeline::models() const { return impl_->runner->models(); }

std::vector<ImageResult> Pipeline::run(std::span<const ImageView> images) {
  std::vector<ImageResult> results;
  const auto most = static_cast<std::size_t>(impl_->settings.batch);
  for (std::size_t begin = 0; begin < images.size(); begin += most) {
    std::vector<Frame> frames;
    for (const ImageView& image : images.subspan(begin, std::min(most, images.size() - begin))) frames.push_back({"", {}, image});
    for (FrameOutcome& outcome : impl_->runner->run(frames)) {
      if (outcome.error) throw Error(*outcome.error);
      results.push_back(std::move(*outcome.result));
    }
  }
  return results;
}

std::vector<FrameOutcome> Pipeline::Impl::run_batch(const std::vector<Loaded>& batch) {
  std::vector<Frame> frames;
  for (const Loaded& loaded : batch) {
    if (loaded.error) continue;
    Frame frame{loaded.item.display, loaded.file, {}};
    if (loaded.image && !runner->decodes(loaded.file)) frame.pixels = loaded.image->view();
    frames.push_back(frame);
  }
  std::vector<FrameOutcome> ran = frames.empty() ? std::vector<FrameOutcome>{} : runner->run(frames);
  std::vector<FrameOutcome> outcomes;
  std::size_t next = 0;
  for (const Loaded& loaded : batch) {
    if (loaded.error) {
      outcomes.push_back({{}, loaded.error});
      continue;
    }
    FrameOutcome& outcome = outcomes.emplace_back(std::move(ran[next++]));
    if (!outcome.result) continue;
    outcome.result->path = loaded.item.display;
    if (!runner->decodes(loaded.file)) outcome.result->time_ms.decode = loaded.decode_ms;
  }
  return outcomes;
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
    std::vector<FrameOutcome> outcomes = impl_->run_batch(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Outcome outcome{batch[i].item.display, delivered, items.size(), std::move(outcomes[i].result), outcomes[i].error, nullptr};
      if (batch[i].image) outcome.image = &*batch[i].image;
      ++delivered;
      if (!deliver(outcome)) return delivered;
    }
  }
  return delivered;
}

}  // namespace peregrine
