#include "peregrine/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "core/log.h"
#include "engine_cache/engine_context.h"
#include "predictor/batch_runner.h"
#include "predictor/class_filter.h"
#include "predictor/frame_loader.h"
#include "predictor/models/deployed_models.h"
#include "predictor/runners.h"
#include "stages/source/source.h"
#if PEREGRINE_CUDA
#include "cuda/nvtx.h"
#endif

namespace peregrine {

namespace {

using predictor::Frame;
using predictor::InputFrame;
using predictor::PreparedBatch;
using predictor::RunnerResult;

/// What came out of the sources, and what the runner has begun with of it.
struct LoadedBatch {
  std::vector<InputFrame> loaded;
  std::unique_ptr<PreparedBatch> prepared;
};

void start_ranges() {
#if PEREGRINE_CUDA
  trace::send_to_nvtx();
#else
  log::warning("This build has no NVTX ranges: they need CUDA=on.");
#endif
}

void log_steps(const std::string& path, const ImageResult& result) {
  if (!log::enabled(log::Level::debug)) return;
  const StageTimes& time = result.time_ms;
  log::debug(fmt::format(
      "{}: {}x{}, decode {:.2f} ms, preprocess {:.2f} ms, inference {:.2f} ms, postprocess {:.2f} ms", path,
      result.width, result.height, time.decode, time.preprocess, time.inference, time.postprocess));
}

/// However a run ends, nobody waits for a camera afterwards.
struct StopOnExit {
  predictor::FrameLoader& feed;
  ~StopOnExit() { feed.stop(); }
};

}  // namespace

struct Pipeline::Impl {
  Settings settings;
  PipelineOptions options;
  std::unique_ptr<predictor::BatchRunner> runner;
  std::vector<LeftOut> left_out;  ///< of the last run

  /// Whether the runner decodes it; under strict_decode it also refuses what only the host can decode.
  bool takes_file(const InputFrame& loaded) const {
    return !loaded.file.empty() && (options.strict_decode || runner->decodes(loaded.file));
  }
  LoadedBatch prepare(std::vector<InputFrame> batch);
  std::vector<RunnerResult> finish(const LoadedBatch& batch);
};

Pipeline::Pipeline(const Settings& settings, const PipelineOptions& options)
    : impl_(std::make_unique<Impl>()) {
  if (options.every < 1)
    throw Error("usage.every", fmt::format("Every {}th frame cannot be run.", options.every),
                "Pass --every 1 or more.");
  if (settings.nvtx) start_ranges();
  impl_->settings = settings;
  impl_->options = options;
  std::vector<std::filesystem::path> unverified;
  if (options.models.empty()) unverified = predictor::take_deployed(impl_->settings, impl_->options);
  engine_cache::EngineContext context =
      engine_cache::choose_engine(impl_->settings, impl_->options.engine, options.progress);
  context.store = settings.store;
  context.unverified = impl_->options.unverified;
  context.unverified_engines = std::move(unverified);
  impl_->runner = predictor::make_runner(std::move(context), impl_->settings, impl_->options);
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
    for (const ImageView& image : images.subspan(begin, std::min(most, images.size() - begin)))
      frames.push_back({"", {}, image});
    for (RunnerResult& frame_result : impl_->runner->run(frames)) {
      if (frame_result.error) throw Error(*frame_result.error);
      results.push_back(std::move(*frame_result.result));
    }
  }
  return results;
}

LoadedBatch Pipeline::Impl::prepare(std::vector<InputFrame> batch) {
  std::vector<Frame> frames;
  for (const InputFrame& loaded : batch) {
    if (!loaded.runs()) continue;
    Frame frame{loaded.path, loaded.file, {}};
    if (!takes_file(loaded)) frame.pixels = loaded.image->view();
    frames.push_back(frame);
  }
  LoadedBatch upcoming{std::move(batch), nullptr};
  if (!frames.empty()) upcoming.prepared = runner->prepare(std::move(frames));
  return upcoming;
}

std::vector<RunnerResult> Pipeline::Impl::finish(const LoadedBatch& batch) {
  std::vector<RunnerResult> ran =
      batch.prepared ? runner->finish(*batch.prepared) : std::vector<RunnerResult>{};
  std::vector<RunnerResult> outcomes;
  std::size_t next = 0;
  for (const InputFrame& loaded : batch.loaded) {
    if (!loaded.runs()) {
      outcomes.push_back({{}, loaded.error});
      continue;
    }
    RunnerResult& frame_result = outcomes.emplace_back(std::move(ran[next++]));
    if (!frame_result.result) continue;
    frame_result.result->path = loaded.path;
    frame_result.result->frame = loaded.frame;
    frame_result.result->seconds = loaded.seconds;
    if (!takes_file(loaded)) frame_result.result->time_ms.decode = loaded.decode_ms;
    if (loaded.video) frame_result.result->host_decoded = true;
  }
  return outcomes;
}

const std::vector<LeftOut>& Pipeline::left_out() const { return impl_->left_out; }

std::size_t Pipeline::run(const std::vector<std::string>& sources, const Callback& deliver) {
  source::Expansion expansion = source::expand(sources);
  source::log_left_out(expansion.left_out);
  impl_->left_out = std::move(expansion.left_out);
  predictor::FrameLoader feed(
      std::move(expansion.items), impl_->options, static_cast<std::size_t>(impl_->settings.batch),
      [this](std::span<const std::byte> file) { return impl_->runner->decodes(file); });
  // Three batches at once: one is read, one decoded, one runs.
  const auto read_next = [&] { return std::async(std::launch::async, [&] { return feed.next_batch(); }); };
  auto read = read_next();
  const auto load_next = [&] {
    return std::async(std::launch::async, [&] {
      std::vector<InputFrame> batch = read.get();
      read = read_next();
      return impl_->prepare(std::move(batch));
    });
  };
  std::size_t delivered = 0;
  auto upcoming = load_next();
  const StopOnExit stop{feed};
  for (LoadedBatch batch = upcoming.get(); !batch.loaded.empty(); batch = upcoming.get()) {
    upcoming = load_next();
    std::vector<RunnerResult> outcomes = impl_->finish(batch);
    for (std::size_t i = 0; i < batch.loaded.size(); ++i) {
      const InputFrame& loaded = batch.loaded[i];
      FrameResult frame_result{.path = loaded.path,
                               .source = loaded.source,
                               .index = loaded.source,
                               .total = feed.items(),
                               .result = std::move(outcomes[i].result),
                               .error = std::move(outcomes[i].error),
                               .frame = loaded.frame,
                               .image = loaded.image ? &*loaded.image : nullptr,
                               .video = loaded.video};
      if (loaded.video) {
        frame_result.index = static_cast<std::size_t>(std::max<std::int64_t>(loaded.frame, 0));
        frame_result.total = static_cast<std::size_t>(loaded.video->frames);
      }
      ++delivered;
      if (frame_result.result) log_steps(frame_result.path, *frame_result.result);
      if (!deliver(frame_result)) return delivered;
    }
  }
  return delivered;
}

}  // namespace peregrine
