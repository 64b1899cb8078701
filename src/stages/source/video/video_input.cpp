#include "stages/source/video/video_input.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <new>
#include <vector>

namespace peregrine::source {
namespace {

/// Containers of video. Without the list, FFmpeg would also play texts, images and playlists of addresses.
constexpr const char* known_formats =
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,asf,flv,ogg,mjpeg,mpjpeg,h264,hevc,av1,obu,ivf,nut,mxf,"
    "rm,dv,rtsp,sdp,rtp";

}  // namespace

VideoInput::VideoInput(const std::string& address, std::string display, const VideoOptions& options)
    : display_(std::move(display)),
      kind_(address == "-"       ? Kind::standard_input
            : is_stream(address) ? Kind::network
                                 : Kind::file),
      options_(options) {
  ffmpeg::redirect_log();
  if (kind_ == Kind::file && !std::filesystem::exists(address))
    throw Error("source.missing", display_ + " does not exist.",
                "Name a video file, an RTSP address or - for standard input.");
  open(address);
}

void VideoInput::open(const std::string& address) {
  format_.reset(avformat_alloc_context());
  if (!format_) throw std::bad_alloc();
  format_->interrupt_callback = {
      [](void* self) { return static_cast<VideoInput*>(self)->must_stop() ? 1 : 0; }, this};
  ffmpeg::Dictionary options;
  options.set("format_whitelist", known_formats);
  const AVInputFormat* known = nullptr;
  std::string url = "file:" + address;  // a name may look like an address
  if (kind_ == Kind::file) options.set("protocol_whitelist", "file");
  if (kind_ == Kind::network) {
    url = address;
    options.set("protocol_whitelist", "rtsp,rtsps,rtp,srtp,udp,tcp,tls,crypto");
    options.set("rtsp_flags", "prefer_tcp");
  }
  renew_deadline();
  if (kind_ == Kind::standard_input) {
    url = "";
    open_standard_input();
    std::uint8_t start[2] = {};
    if (avio_read(standard_input_.get(), start, 2) == 2 && start[0] == 0xff && start[1] == 0xd8)
      known = av_find_input_format("mjpeg");
    avio_seek(standard_input_.get(), 0, SEEK_SET);  // stays within the buffer
  }
  AVFormatContext* opened = format_.release();  // freed by FFmpeg if opening fails
  const int code = avformat_open_input(&opened, url.c_str(), known, options.get());
  format_.reset(opened);
  if (code < 0) fail_to_open(code);
  probe();
}

void VideoInput::check_size() const {
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    const AVCodecParameters& stream = *format_->streams[i]->codecpar;
    if (stream.width > 0 && stream.height > 0 && stream.width > options_.max_pixels / stream.height)
      throw Error("image.too_large",
                  display_ + " is " + std::to_string(stream.width) + "x" + std::to_string(stream.height) +
                      " pixels: more than the limit of " + std::to_string(options_.max_pixels) + ".",
                  "Scale it down, or raise the limit (--max-pixels).");
  }
}

/// Finds what the streams hold, which may decode some frames: of any usual size, so that too large ones can
/// be told, but not of every size that a header can claim.
void VideoInput::probe() {
  check_size();
  std::vector<ffmpeg::Dictionary> limits(format_->nb_streams);
  std::vector<AVDictionary*> options;
  for (ffmpeg::Dictionary& limit : limits) {
    limit.set("max_pixels", std::to_string(std::max(options_.max_pixels, VideoOptions().max_pixels)));
    options.push_back(*limit.get());
  }
  renew_deadline();
  const int code = avformat_find_stream_info(format_.get(), options.empty() ? nullptr : options.data());
  for (std::size_t i = 0; i < limits.size(); ++i) *limits[i].get() = options[i];
  if (code < 0) fail_to_open(code);
  check_size();
}

void VideoInput::open_standard_input() {
  constexpr int buffer_size = 1 << 16;
  auto* buffer = static_cast<unsigned char*>(av_malloc(buffer_size));
  const auto read = [](void* self, std::uint8_t* to, int size) {
    return static_cast<VideoInput*>(self)->read_standard_input(to, size);
  };
  standard_input_.reset(buffer ? avio_alloc_context(buffer, buffer_size, 0, this, read, nullptr, nullptr)
                               : nullptr);
  if (!standard_input_) {
    av_free(buffer);
    throw std::bad_alloc();
  }
  format_->pb = standard_input_.get();
  format_->flags |= AVFMT_FLAG_CUSTOM_IO;
}

/// Waits in short steps, so that a wish to stop is heard.
int VideoInput::read_standard_input(std::uint8_t* to, int size) {
  constexpr int step_ms = 100;
  while (!must_stop()) {
    pollfd ready{STDIN_FILENO, POLLIN, 0};
    if (::poll(&ready, 1, step_ms) <= 0) continue;
    const ssize_t count = ::read(STDIN_FILENO, to, static_cast<std::size_t>(size));
    if (count > 0) return static_cast<int>(count);
    if (count == 0) return AVERROR_EOF;
    if (errno != EINTR && errno != EAGAIN) return AVERROR(errno);
  }
  return AVERROR_EXIT;
}

void VideoInput::renew_deadline() {
  deadline_ =
      std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                             std::chrono::duration<double>(options_.timeout_seconds));
}

bool VideoInput::must_stop() {
  if (kind_ == Kind::network && std::chrono::steady_clock::now() > deadline_) timed_out_ = true;
  if (options_.stop && options_.stop()) stopped_ = true;
  return stopped_ || timed_out_;
}

int VideoInput::read(AVPacket& packet) {
  renew_deadline();
  return av_read_frame(format_.get(), &packet);
}

Error VideoInput::timeout_error() const {
  return {"source.timeout",
          display_ + " has not answered for " + std::to_string(static_cast<int>(options_.timeout_seconds)) +
              " seconds.",
          "Check the address and the network."};
}

void VideoInput::fail_to_open(int code) const {
  if (stopped_) throw Error("interrupted", display_ + " was not opened: interrupted.");
  if (timed_out_) throw timeout_error();
  if (code == AVERROR_INVALIDDATA || code == AVERROR_DEMUXER_NOT_FOUND)
    throw Error("source.unknown", display_ + " is not a video that can be read, or is cut short.",
                "Give it MP4, MKV, AVI or another common container; on standard input MJPEG.");
  throw Error(
      "source.unreadable", display_ + " cannot be opened: " + ffmpeg::error_text(code) + ".",
      kind_ == Kind::network ? "Check the address and the network." : "Check the file and its permissions.");
}

}  // namespace peregrine::source
