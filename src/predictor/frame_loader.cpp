#include "predictor/frame_loader.h"

#include <fmt/format.h>

#include <chrono>
#include <new>

#include "core/log.h"
#include "core/memory_error.h"
#include "core/trace.h"
#include "stages/decode/decode.h"

namespace peregrine::predictor {

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

FrameLoader::FrameLoader(std::vector<source::Item> items, const PipelineOptions& options, std::size_t batch,
                         std::function<bool(std::span<const std::byte>)> decodes)
    : items_(std::move(items)), options_(options), batch_(batch), decodes_(std::move(decodes)) {}

std::vector<InputFrame> FrameLoader::next_batch() {
  std::vector<InputFrame> batch;
  for (std::size_t running = 0; running < batch_ && next_ < items_.size() && !must_stop();) {
    const source::Item& item = items_[next_];
    InputFrame loaded = item.video ? next_frame(item) : load_image(item);
    loaded.source = next_;
    if (!video_) ++next_;
    if (must_stop() && !loaded.runs()) break;  // not the end that the video has of its own
    running += loaded.runs();
    batch.push_back(std::move(loaded));
  }
  return batch;
}

InputFrame FrameLoader::load_image(const source::Item& item) const {
  InputFrame loaded{.path = item.display};
  try {
    {
      const trace::Range range("source");
      loaded.file =
          source::read_file(item, source::default_max_bytes, {.stop = [this] { return must_stop(); }});
    }
    const bool left_to_runner = options_.strict_decode || decodes_(loaded.file);
    if (left_to_runner && !options_.keep_pixels) return loaded;
    const auto start = Clock::now();
    loaded.image = decode::decode_image(loaded.file, item.display, options_.max_pixels);
    loaded.decode_ms = milliseconds_since(start);
  } catch (const Error& error) {
    loaded.error = error;
  } catch (const std::bad_alloc&) {  // one large image costs only itself
    loaded.error = out_of_memory("to read " + item.display);
  }
  return loaded;
}

void FrameLoader::open(const source::Item& item) {
  if (options_.strict_decode)
    throw Error("enforcement.host_decoded",
                fmt::format("{} would be decoded on the host: videos always are.", item.display),
                "Leave out --strict-decode, or give it baseline JPEGs.");
  video_.emplace(item.path.native(), item.display,
                 source::VideoOptions{.every = options_.every,
                                      .max_pixels = options_.max_pixels,
                                      .stop = [this] { return must_stop(); }});
  const source::VideoInfo& info = video_->info();
  log::info(fmt::format("{}: {} {}x{}, host-decoded", item.display, info.codec, info.width, info.height));
}

/// Closes the video with its last word.
InputFrame FrameLoader::next_frame(const source::Item& item) {
  InputFrame loaded{.path = item.display};
  try {
    if (!video_) open(item);
    const auto start = Clock::now();
    const trace::Range range("source");
    std::optional<source::VideoFrame> frame = video_->next();
    loaded.video = status(!frame);
    if (!frame) {
      video_.reset();
      return loaded;
    }
    loaded.decode_ms = milliseconds_since(start);
    loaded.frame = frame->number;
    loaded.seconds = frame->seconds;
    loaded.error = std::move(frame->error);
    if (!loaded.error) loaded.image = std::move(frame->image);
  } catch (const Error& error) {
    loaded.error = error;
    video_.reset();
  } catch (const std::bad_alloc&) {
    loaded.error = out_of_memory("to decode " + item.display);
    video_.reset();
  }
  return loaded;
}

VideoStatus FrameLoader::status(bool ended) const {
  const source::VideoInfo& info = video_->info();
  return {info.frames_per_second, info.frames, video_->skipped(), video_->corrupt(), ended};
}

}  // namespace peregrine::predictor
