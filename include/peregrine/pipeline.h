// A Pipeline runs models over images and videos and delivers the objects that they find. An example:
//
//   peregrine::Settings settings = peregrine::load_settings({}).settings;
//   peregrine::Pipeline pipeline(settings, {.models = {"yolo11n.pt"}});
//   pipeline.run({"street.jpg"}, [](const peregrine::FrameResult& frame) {
//     if (frame.result) std::printf("%zu objects\n", frame.result->objects.size());
//     return true;
//   });
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "peregrine/error.h"
#include "peregrine/image.h"
#include "peregrine/model_info.h"
#include "peregrine/results.h"
#include "peregrine/settings.h"

namespace peregrine {

struct PipelineOptions {
  /// Model files or engine folders, which all run over each image; empty: the deployed engines of the store.
  std::vector<std::filesystem::path> models;
  std::optional<std::filesystem::path> reid;  ///< adds an embedding to every person, whichever model found it
  /// The classes that get embeddings, of all models; written as `classes`.
  std::vector<std::string> reid_classes{"person"};
  std::string engine = "auto";  ///< auto, cuda, tensorrt, tensorrt-rtx, openvino
  /// Keep only these of all models; empty: all. Each is a class's exact name (all classes of that name), its
  /// index ("7"), its name where that is a number ("name:7"), or several of these separated by commas.
  std::vector<std::string> classes;
  bool rect = false;           ///< pad only to the next multiple of the stride (Ultralytics' default)
  bool unverified = false;     ///< run engines that did not pass their verification, too
  bool strict_decode = false;  ///< an image that only the host can decode is an error
  bool keep_pixels = false;    ///< FrameResult::image is there also for images that the GPU decoded
  bool validation = false;     ///< as Ultralytics' val: its letterbox, several classes a box, its masks
  std::int64_t max_pixels = std::int64_t{1} << 28;  ///< larger images are refused before decoding
  int every = 1;                                    ///< of a video: run every so many frames
  std::function<bool()> stop =
      {};  ///< asked, from another thread, while a stream is waited for: true ends it
  /// Told while engines are probed, built and validated, which can take minutes the first time: 0 to 1 of an
  /// engine, and what is done with it. Return false to stop (Error "interrupted.build", "interrupted.probe").
  /// Called by one thread at a time, only while the constructor or run() runs, and not always by the thread
  /// that called them: while TensorRT 8 builds, another one calls it each second.
  std::function<bool(double share, std::string_view doing)> progress = {};
};

struct RunInfo {
  std::string engine;     ///< "openvino", "cuda", ...
  std::string device;     ///< "cpu (Intel ...)", "cuda:0 NVIDIA H100 80GB HBM3"
  Precision precision{};  ///< what really runs
  std::vector<Fallback> fallbacks;
};

/// A video that is being read.
struct VideoStatus {
  double frames_per_second = 0;  ///< 0: unknown
  std::int64_t frames = 0;       ///< as its container states; 0: unknown, as for streams
  std::int64_t skipped = 0;      ///< so far: left out by PipelineOptions::every
  std::int64_t corrupt = 0;      ///< so far: delivered with an error
  bool ended = false;
};

/// The result of an image or frame: objects or an error, never both. The end of a video has neither.
struct FrameResult {
  std::string path;        ///< valid UTF-8
  std::size_t source = 0;  ///< number of the image, video or stream, from 0
  std::size_t index = 0,
              total = 0;  ///< images: of the sources; frames: of the video, total 0 where it is unknown
  std::optional<ImageResult> result;
  std::optional<Error> error;
  std::int64_t frame =
      -1;  ///< of a video, from 0, damaged and skipped ones counted; -1: an image, or the video itself
  const HostImage* image =
      nullptr;  ///< decoded pixels on the host, see PipelineOptions::keep_pixels; valid during the call
  std::optional<VideoStatus> video;  ///< frames and ends of videos
};

class Pipeline {
 public:
  /// The callback returns false to stop after this result.
  using Callback = std::function<bool(const FrameResult&)>;

  /// Gets the models' engines from the cache in Settings::store, which builds, validates and stores them the
  /// first time (an empty path: engines are built each time and not validated). The constructor applies the
  /// start-up enforcement: with FORCE_GPU_ONLY and no CUDA device it throws "enforcement.device" before it
  /// reads any model. A Pipeline is not thread-safe: one thread calls it at a time; several pipelines of one
  /// process do not disturb each other.
  Pipeline(const Settings& settings, const PipelineOptions& options);
  ~Pipeline();
  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;

  const RunInfo& info() const;
  /// In the order of the options; the ReID model, where there is one, last.
  const std::vector<ModelInfo>& models() const;

  /// Runs over images that the caller has decoded, in host memory or in that of the pipeline's device. The
  /// images must stay unchanged until the call returns. The results have the order of the images. Throws
  /// "device.stream" for a stream of another device.
  std::vector<ImageResult> run(std::span<const ImageView> images);
  /// Files, folders, globs, lists, http:// and https:// images, videos and streams (rtsp://, "-" for standard
  /// input), in order. The next images are decoded while these run. An image that fails costs only itself.
  /// Returns the number of delivered results.
  std::size_t run(const std::vector<std::string>& sources, const Callback& deliver);
  /// Returns what the sources of the last such run hold and the run left out; the log says it as well.
  const std::vector<LeftOut>& left_out() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace peregrine
