// Results of a Pipeline as plain data. All coordinates are pixels of the original image, all times
// milliseconds unless named otherwise. Copies may be used by any thread. An example:
//
//   for (const peregrine::Object& object : result.objects)
//     std::printf("%d %.2f at %.0f, %.0f\n", object.class_id, object.confidence, object.box[0],
//     object.box[1]);
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "peregrine/model_info.h"

namespace peregrine {

/// Binary mask as COCO run lengths: column-major, starting with zeros; sum of counts = height * width.
struct RunLengthMask {
  int height = 0;
  int width = 0;
  std::vector<std::uint32_t> counts;
};

/// COCO's compressed string of the run lengths, as pycocotools writes it.
std::string to_coco_string(const RunLengthMask& mask);
/// Parses COCO's compressed string. Throws Error "image.mask" for a malformed one.
RunLengthMask from_coco_string(int height, int width, std::string_view counts);

struct Keypoint {
  float x = 0, y = 0;
  float confidence = 1;  ///< visibility after the sigmoid; 1 where the model has none
};

struct Object {
  Task task = Task::detect;
  int model = 0;  ///< index into Results::models
  int class_id = 0;
  float confidence = 0;
  std::array<float, 4> box{};  ///< x1, y1, x2, y2; clipped to the image, not rounded
  std::vector<Keypoint> keypoints;
  std::optional<RunLengthMask> mask;
  std::vector<float> embedding;  ///< L2-normalised; empty without ReID
  std::vector<float> numbers{};  ///< what a task that a program adds gives beside these; empty otherwise
};

/// A step that ran on the CPU although a GPU was requested. Under FORCE_GPU_ONLY such a step is an error
/// instead.
struct Fallback {
  std::string step;  ///< what did not run, or lie, on the GPU
  std::string why;
};

/// The files of a source that a run left out, counted by kind: ".txt" (extension, lower case), "no
/// extension", "hidden", "folder", "special file" (pipe, device), "header line" (of a .csv list).
struct LeftOut {
  std::string source;  ///< the folder, glob or list as it was given; valid UTF-8
  std::map<std::string, int> kinds;
};

struct NamedBytes {
  std::string name;
  std::uint64_t bytes = 0;
};

struct StageTimes {
  double decode = 0, preprocess = 0, inference = 0, postprocess = 0;  ///< milliseconds
};

struct ImageResult {
  std::string path;
  std::int64_t frame =
      -1;              ///< frame number of a video, skipped and damaged ones counted; -1 for a still image
  double seconds = 0;  ///< of a video: when the frame is shown, since the start
  int width = 0, height = 0;
  std::vector<Object> objects;  ///< by confidence, falling
  StageTimes time_ms;
  std::vector<NamedBytes> host_to_device, device_to_host;
  bool host_decoded = false;
};

}  // namespace peregrine
