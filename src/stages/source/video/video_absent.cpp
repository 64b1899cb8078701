// What a build without FFmpeg has instead of the reader.
#include <utility>

#include "stages/source/video/video.h"

namespace peregrine::source {

struct VideoReader::Impl {
  VideoInfo info;
};

VideoReader::VideoReader(const std::string&, std::string display, const VideoOptions&) {
  throw Error(
      "environment.library", std::move(display) + " cannot be read: this build of Peregrine has no video.",
      "Build it with PEREGRINE_VIDEO=ON (needs FFmpeg's libraries), or extract the frames as images.");
}
VideoReader::~VideoReader() = default;
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;

const VideoInfo& VideoReader::info() const { return impl_->info; }
std::optional<VideoFrame> VideoReader::next() { return std::nullopt; }
std::int64_t VideoReader::skipped() const { return 0; }
std::int64_t VideoReader::corrupt() const { return 0; }

}  // namespace peregrine::source
