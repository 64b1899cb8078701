#include "stages/source/video/video_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <new>
#include <vector>

#include "core/memory_error.h"
#include "core/os/read_when_ready.h"
#include "stages/source/video/container_size.h"

namespace peregrine::source {
namespace {

/// Containers of video. Without the list, FFmpeg would also play texts, images and playlists of addresses.
constexpr const char* known_formats =
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,asf,flv,ogg,mjpeg,mpjpeg,h264,hevc,av1,obu,ivf,nut,mxf,"
    "rm,dv,rtsp,sdp,rtp";

}  // namespace

VideoInput::CloseDescriptor::~CloseDescriptor() {
  if (descriptor >= 0) ::close(descriptor);
}

VideoInput::VideoInput(const std::string& address, std::string display, const VideoOptions& options)
    : display_(std::move(display)), options_(options) {
  ffmpeg::redirect_log();
  if (address == "-") {
    kind_ = Kind::pipe;
    pipe_ = STDIN_FILENO;
  } else if (is_stream(address)) {
    kind_ = Kind::network;
  } else {
    find_file(address);
  }
  open(address);
}

void VideoInput::find_file(const std::filesystem::path& file) {
  constexpr const char* hint = "Name a video file, an RTSP address or - for standard input.";
  file_ = file;
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(file, ignored);
  if (status.type() == std::filesystem::file_type::not_found)
    throw Error("source.missing", display_ + " does not exist.", hint);
  if (std::filesystem::is_fifo(status)) {
    kind_ = Kind::pipe;
    pipe_ = opened_.descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (pipe_ < 0) fail_to_open(AVERROR(errno));
  } else if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw Error("source.unreadable", display_ + " is not a file.", hint);
  } else {
    opened_.descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (opened_.descriptor < 0) fail_to_open(AVERROR(errno));
  }
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
  if (kind_ == Kind::file) {
    options.set("protocol_whitelist", "file");
    open_bytes();
  }
  if (kind_ == Kind::network) {
    url = address;
    options.set("protocol_whitelist", "rtsp,rtsps,rtp,srtp,udp,tcp,tls,crypto");
    options.set("rtsp_flags", "prefer_tcp");
  }
  renew_deadline();
  if (kind_ == Kind::file && begins_with_jpeg(file_)) known = av_find_input_format("mjpeg");
  if (kind_ == Kind::pipe) {
    url = "";
    known = open_pipe();
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

/// Files are read here, too: FFmpeg's demuxers call a failing disk damaged data, or the file's end.
void VideoInput::open_bytes() {
  constexpr int buffer_size = 1 << 16;
  auto* buffer = static_cast<unsigned char*>(av_malloc(buffer_size));
  const auto read = [](void* self, std::uint8_t* to, int size) {
    return static_cast<VideoInput*>(self)->read_bytes(to, size);
  };
  std::int64_t (*seek)(void*, std::int64_t, int) = nullptr;
  if (kind_ == Kind::file)
    seek = [](void* self, std::int64_t offset, int whence) {
      return static_cast<VideoInput*>(self)->seek(offset, whence);
    };
  bytes_.reset(buffer ? avio_alloc_context(buffer, buffer_size, 0, this, read, nullptr, seek) : nullptr);
  if (!bytes_) {
    av_free(buffer);
    throw std::bad_alloc();
  }
  format_->pb = bytes_.get();
  format_->flags |= AVFMT_FLAG_CUSTOM_IO;
}

/// Of what begins as a JPEG the format, which FFmpeg would take for a single image.
const AVInputFormat* VideoInput::open_pipe() {
  open_bytes();
  std::uint8_t start[2] = {};
  const int count = avio_read(bytes_.get(), start, 2);
  if (count == 0 || count == AVERROR_EOF)
    throw Error("source.empty", display_ + " ended without a byte.", "Check what writes to it.");
  const bool jpeg = count == 2 && start[0] == 0xff && start[1] == 0xd8;
  avio_seek(bytes_.get(), 0, SEEK_SET);  // stays within the buffer
  return jpeg ? av_find_input_format("mjpeg") : nullptr;
}

int VideoInput::read_bytes(std::uint8_t* to, int size) {
  const int from = kind_ == Kind::pipe ? pipe_ : opened_.descriptor;
  const ssize_t count =
      read_when_ready(from, to, static_cast<std::size_t>(size), [this] { return must_stop(); });
  if (count > 0) return static_cast<int>(count);
  if (count == 0) return AVERROR_EOF;
  if (errno == ECANCELED) return AVERROR_EXIT;
  read_failure_ = errno;
  return AVERROR(read_failure_);
}

std::int64_t VideoInput::seek(std::int64_t offset, int whence) const {
  if (whence & AVSEEK_SIZE) {
    struct stat status {};
    return ::fstat(opened_.descriptor, &status) == 0 ? std::int64_t{status.st_size} : AVERROR(errno);
  }
  const std::int64_t place = ::lseek(opened_.descriptor, offset, whence & ~AVSEEK_FORCE);
  return place < 0 ? AVERROR(errno) : place;
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
  const int code = av_read_frame(format_.get(), &packet);
  return code < 0 && code != AVERROR(EAGAIN) && read_failure_ != 0 ? AVERROR(read_failure_) : code;
}

Error VideoInput::timeout_error() const {
  return {"source.timeout",
          display_ + " has not answered for " + std::to_string(static_cast<int>(options_.timeout_seconds)) +
              " seconds.",
          "Check the address and the network."};
}

std::optional<Error> VideoInput::incomplete() const {
  constexpr const char* hint = "Copy or download it again.";
  if (read_failure_ != 0) return unreadable(AVERROR(read_failure_));
  if (kind_ != Kind::file) return std::nullopt;
  const ContainerSize size = container_size(file_);
  if (size.present == 0) return Error("source.empty", display_ + " is empty.", hint);
  if (size.cut())
    return Error("source.truncated", display_ + " is truncated: " + size.sentence() + ".", hint);
  if (!begins_as_video(file_)) return std::nullopt;
  return Error("source.truncated",
               display_ + " is truncated or damaged: it begins as a video does, and what is there (" +
                   std::to_string(size.present) + " bytes) cannot be decoded.",
               hint);
}

Error VideoInput::unreadable(int code) const {
  return {
      "source.unreadable", display_ + " cannot be opened: " + ffmpeg::error_text(code) + ".",
      kind_ == Kind::network ? "Check the address and the network." : "Check the file and its permissions."};
}

void VideoInput::fail_to_open(int code) const {
  if (stopped_) throw Error("interrupted", display_ + " was not opened: interrupted.");
  if (timed_out_) throw timeout_error();
  if (code == AVERROR(ENOMEM) || is_memory_exhausted()) throw out_of_memory("to open " + display_);
  constexpr std::array no_video = {AVERROR_INVALIDDATA, AVERROR_DEMUXER_NOT_FOUND, AVERROR_EOF, AVERROR(EIO),
                                   AVERROR(EINVAL)};  // which FFmpeg also says of formats that are not ours
  if (std::ranges::find(no_video, code) != no_video.end()) {
    // FFmpeg has codes for data that is there and cannot be read; its others say that nothing came.
    if (kind_ == Kind::network && (code == AVERROR_INVALIDDATA || code == AVERROR_DEMUXER_NOT_FOUND))
      throw Error("source.unknown", display_ + " is not a video that can be read, or is cut short.",
                  "Check the address and the network.");
    if (const std::optional<Error> error = incomplete()) throw Error(*error);
    if (kind_ == Kind::pipe)
      throw Error("source.unknown", display_ + " is not a video that can be read, or is cut short.",
                  "Give it MJPEG, or write it to a file and name that.");
    if (kind_ == Kind::file)
      throw Error("source.unknown", display_ + " is not a video that can be read, or is cut short.",
                  "Give it MP4, MKV, AVI or another common container, or MJPEG.");
  }
  throw unreadable(code);
}

}  // namespace peregrine::source
