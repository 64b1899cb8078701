// The whole way from pictures to objects, in ten lines:
//
//   peregrine::Settings settings = peregrine::load_settings({}).settings;
//   peregrine::Pipeline pipeline(settings, {.models = {"yolo11n.pt"}});
//   pipeline.run({"street.jpg"}, [](const peregrine::Outcome& outcome) {
//     if (outcome.result) std::printf("%zu objects\n", outcome.result->objects.size());
//     return true;
//   });
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "peregrine/error.h"
#include "peregrine/image.h"
#include "peregrine/model_info.h"
#include "peregrine/results.h"
#include "peregrine/settings.h"

namespace peregrine {

struct PipelineOptions {
  /// Model files or folders of engines, run side by side over each picture; none: what is in service in the store.
  std::vector<std::filesystem::path> models;
  std::optional<std::filesystem::path> reid;  ///< adds an embedding to every person, whichever model found it
  /// The classes that get embeddings, of all models; written as `classes`.
  std::vector<std::string> reid_classes{"person"};
  std::string engine = "auto";                      ///< auto, cuda, tensorrt, tensorrt-rtx, openvino
  /// Keep only these of all models; empty: all. Each is a class's exact name (all classes of that name), its
  /// index ("7"), its name where that is a number ("name:7"), or several of these separated by commas.
  std::vector<std::string> classes;
  bool rect = false;                                ///< pad only to the next multiple of the stride (Ultralytics' default)
  bool unverified = false;                          ///< run engines that did not pass their verification, too
  bool strict_decode = false;                       ///< a picture that only the host can decode is an error
  bool keep_pixels = false;                         ///< Outcome::image is there also for pictures that the GPU decoded
  bool validation = false;                          ///< as Ultralytics' val: its letterbox, several classes a box, its masks
  std::int64_t max_pixels = std::int64_t{1} << 28;  ///< larger pictures are refused before decoding
  int every = 1;                                    ///< of a video: run every so many frames
  std::function<bool()> stop = {};                  ///< asked, from another thread, while a stream is waited for: true ends it
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

/// What became of a picture or frame: a result or an error, never both. The end of a video has neither.
struct Outcome {
  std::string path;                  ///< valid UTF-8
  std::size_t source = 0;            ///< number of the picture, video or stream, from 0
  std::size_t index = 0, total = 0;  ///< pictures: of the sources; frames: of the video, total 0 where it is unknown
  std::optional<ImageResult> result;
  std::optional<Error> error;
  std::int64_t frame = -1;           ///< of a video, from 0, damaged and skipped ones counted; -1: a picture, or the video itself
  const HostImage* image = nullptr;  ///< decoded pixels on the host, see PipelineOptions::keep_pixels; valid during the call
  std::optional<VideoStatus> video;  ///< frames and ends of videos
};

class Pipeline {
 public:
  /// Return false to stop after this outcome.
  using Callback = std::function<bool(const Outcome&)>;

  /// Takes the models' engines out of Settings::store, where they are built, verified and kept the first time (an empty
  /// path: built anew each time, not verified). The place of the start-up enforcement: with FORCE_GPU_ONLY and no CUDA
  /// device it throws "enforcement.device" before any model is read.
  Pipeline(const Settings& settings, const PipelineOptions& options);
  ~Pipeline();
  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;

  const RunInfo& info() const;
  /// In the order of the options; the ReID model, where there is one, last.
  const std::vector<ModelInfo>& models() const;

  /// Pictures that the caller has decoded, in host memory or in that of the pipeline's device, which must stay as they are
  /// until this returns. Results in the same order. Throws "device.stream" for a stream of another device.
  std::vector<ImageResult> run(std::span<const ImageView> images);
  /// Files, folders, globs, lists, http:// and https:// images, videos and streams (rtsp://, "-" for standard input), in
  /// order; the next pictures are
  /// decoded while these run. One that fails costs only itself. Returns how many outcomes were delivered.
  std::size_t run(const std::vector<std::string>& sources, const Callback& deliver);
  /// What the sources of the last such run hold and was not run; the log says it too.
  const std::vector<LeftOut>& left_out() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace peregrine
