// What a build without FFmpeg has instead of the writer.
#include "core/text.h"
#include "peregrine/error.h"
#include "stages/source/video/video_writer.h"

namespace peregrine::source {

struct VideoWriter::Impl {};

VideoWriter::VideoWriter(const std::filesystem::path& path, int, int, double) {
  throw Error("environment.library",
              printable(path.native()) + " cannot be written: this build of Peregrine has no video.",
              "Build it with PEREGRINE_VIDEO=ON (needs FFmpeg's libraries), or save images.");
}
VideoWriter::~VideoWriter() = default;
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;

void VideoWriter::write(const ImageView&, double) {}
void VideoWriter::finish() {}
std::string VideoWriter::encoder() const { return {}; }

}  // namespace peregrine::source
