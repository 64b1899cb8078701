#include "stages/source/video/video.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "core/memory_error.h"
#include "stages/source/video/container_size.h"
#include "stages/source/video/ffmpeg.h"
#include "stages/source/video/video_input.h"
#include "stages/source/video/video_pixels.h"

namespace peregrine::source {

struct VideoReader::Impl {
  Impl(const std::string& address, std::string name, const VideoOptions& chosen)
      : display(std::move(name)), options(chosen), input(address, display, options) {
    if (!is_stream(address)) size = container_size(address);
    open_decoder();
    describe();
  }

  void open_decoder();
  void describe();
  /// Gives the decoder a packet. False: the input has ended, the decoder was told.
  void feed();
  std::optional<VideoFrame> take(const AVFrame& decoded);
  std::optional<VideoFrame> next();
  std::optional<VideoFrame> finish();
  std::int64_t expected_packets() const;
  std::string how_far() const;

  /// FFmpeg calls a frame damaged, or an input ended, too, where its memory ran out.
  void check_memory(int code) const {
    if (code == AVERROR(ENOMEM) || code == AVERROR(EAGAIN) || is_memory_exhausted())
      throw out_of_memory("to decode " + display);
  }

  VideoFrame damaged(const std::string& what, double time, int code = 0) {
    check_memory(code);
    ++corrupt;
    return {
        number,
        time,
        {},
        Error("image.corrupt", display + ": frame " + std::to_string(number) + " is damaged: " + what + ".",
              "Record or copy the video again; the other frames are not concerned.")};
  }
  /// Since the first frame that states a time. Where none is stated, a frame's length after the one before.
  double seconds_of(std::int64_t timestamp) {
    const double step = info.frames_per_second > 0 ? 1 / info.frames_per_second : 0;
    if (timestamp == AV_NOPTS_VALUE) return seconds = number == 0 ? 0 : seconds + step;
    const double stated = static_cast<double>(timestamp) * av_q2d(stream->time_base);
    if (!start) start = stated - static_cast<double>(number) * step;
    return seconds = stated - *start;
  }

  std::string display;
  VideoOptions options;
  VideoInput input;
  ContainerSize size;
  int indexed = 0;  ///< frames that the file's index names
  AVStream* stream = nullptr;
  ffmpeg::CodecContext decoder;
  ffmpeg::Packet packet{av_packet_alloc()};
  ffmpeg::Frame frame{av_frame_alloc()};
  FrameConverter converter;
  VideoInfo info;
  int orientation = 1;
  std::int64_t number = 0, packets = 0, skipped = 0, corrupt = 0;
  bool ended = false, finished = false;
  int read_error = 0, send_error = 0;
  std::optional<double> start;
  double seconds = 0;
};

void VideoReader::Impl::open_decoder() {
  if (!packet || !frame) throw std::bad_alloc();
  const AVCodec* codec = nullptr;
  const int index = av_find_best_stream(&input.format(), AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
  if (index == AVERROR(ENOMEM) || is_memory_exhausted()) throw out_of_memory("to decode " + display);
  const bool audio_alone = index == AVERROR_STREAM_NOT_FOUND && input.format().nb_streams > 0;
  const bool no_size = index >= 0 && codec && input.format().streams[index]->codecpar->width == 0;
  if (no_size || (index < 0 && !audio_alone && index != AVERROR_DECODER_NOT_FOUND))
    if (const std::optional<Error> error = input.incomplete()) throw Error(*error);
  if (index < 0 || !codec || no_size)
    throw Error("source.unknown", display + " has no video stream that can be decoded.",
                "Convert it to H.264 in an MP4 file.");
  stream = input.format().streams[index];
  for (unsigned i = 0; i < input.format().nb_streams; ++i)
    if (static_cast<int>(i) != index) input.format().streams[i]->discard = AVDISCARD_ALL;

  decoder.reset(avcodec_alloc_context3(codec));
  if (!decoder) throw std::bad_alloc();
  avcodec_parameters_to_context(decoder.get(), stream->codecpar);
  decoder->pkt_timebase = stream->time_base;
  decoder->thread_count = 0;
  decoder->max_pixels = options.max_pixels;
  decoder->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;  // damaged frames come out marked, to be named
  // A single JPEG has no neighbours to be patched from: FFmpeg's default would deliver half of it in grey.
  if (codec->id == AV_CODEC_ID_MJPEG) decoder->err_recognition |= AV_EF_EXPLODE;
  const int code = avcodec_open2(decoder.get(), codec, nullptr);
  if (code < 0) check_memory(code);
  if (code < 0)
    throw Error("source.unreadable", display + " cannot be decoded: " + ffmpeg::error_text(code) + ".",
                "Convert it to H.264 in an MP4 file.");
}

void VideoReader::Impl::describe() {
  const AVCodecParameters& parameters = *stream->codecpar;
  orientation = orientation_of(*stream);
  info.width = parameters.width;
  info.height = parameters.height;
  if (orientation >= 5) std::swap(info.width, info.height);
  const AVRational rate = stream->avg_frame_rate.num > 0 ? stream->avg_frame_rate : stream->r_frame_rate;
  info.frames_per_second = rate.den > 0 ? av_q2d(rate) : 0;
  indexed = avformat_index_get_entries_count(stream);
  info.frames = stream->nb_frames;
  if (expected_packets() > 0) info.frames = expected_packets();
  info.codec = avcodec_get_name(parameters.codec_id);
}

void VideoReader::Impl::feed() {
  while (true) {
    const int code = input.read(*packet);
    if (code == AVERROR(EAGAIN)) continue;
    if (code < 0) {
      if (input.timed_out()) throw input.timeout_error();
      if (code != AVERROR_EOF) read_error = code;
      ended = true;
      avcodec_send_packet(decoder.get(), nullptr);
      return;
    }
    if (packet->stream_index == stream->index) break;
    av_packet_unref(packet.get());
  }
  ++packets;
  send_error = avcodec_send_packet(decoder.get(), packet.get());
  av_packet_unref(packet.get());
}

/// The frame, unless it is skipped.
std::optional<VideoFrame> VideoReader::Impl::take(const AVFrame& decoded) {
  std::optional<VideoFrame> result;
  const double time = seconds_of(decoded.best_effort_timestamp);
  if ((decoded.flags & AV_FRAME_FLAG_CORRUPT) || decoded.decode_error_flags) {
    result = damaged("parts of it are missing", time);
  } else if (number % options.every != 0) {
    ++skipped;
  } else {
    result = VideoFrame{number, time, converter.to_bgr(decoded, orientation), std::nullopt};
  }
  ++number;
  return result;
}

std::optional<VideoFrame> VideoReader::Impl::next() {
  while (!finished && !input.stopped()) {
    const int code =
        send_error < 0 ? std::exchange(send_error, 0) : avcodec_receive_frame(decoder.get(), frame.get());
    if (code == AVERROR(EAGAIN)) {
      feed();
    } else if (code == AVERROR_EOF) {
      return finish();
    } else if (code < 0) {
      VideoFrame lost = damaged(ffmpeg::error_text(code), seconds_of(AV_NOPTS_VALUE), code);
      ++number;
      return lost;
    } else {
      std::optional<VideoFrame> taken = take(*frame);
      av_frame_unref(frame.get());
      if (taken) return taken;
    }
  }
  return std::nullopt;
}

/// An AVI counts the frames that its recorder dropped, too; its index, which lies at the end, has only those
/// that are there.
std::int64_t VideoReader::Impl::expected_packets() const {
  if (!size.avi) return info.frames;
  if (!size.has_index || !size.whole()) return 0;
  return info.frames > 0 ? std::min<std::int64_t>(indexed, info.frames) : indexed;
}

/// "20 of 60 frames", "20 frames: it has 100 of the 200 bytes that its container states".
std::string VideoReader::Impl::how_far() const {
  std::string text = std::to_string(number);
  if (packets < expected_packets())
    text += " of " + std::to_string(expected_packets());
  else if (packets < info.frames)  // an AVI without its index: dropped ones among them
    text += " of at most " + std::to_string(info.frames);
  text += " frames";
  return size.cut() ? text + ": " + size.sentence() : text;
}

/// The end: whether it is the one that the container announced.
std::optional<VideoFrame> VideoReader::Impl::finish() {
  finished = true;
  if (input.stopped()) return std::nullopt;
  VideoFrame last{number, seconds_of(AV_NOPTS_VALUE), {}, std::nullopt};
  if (read_error < 0) check_memory(read_error);
  if (read_error < 0)
    last.error = Error("source.broken",
                       display + " breaks off after " + std::to_string(number) +
                           " frames: " + ffmpeg::error_text(read_error) + ".",
                       "Check the file or the connection.");
  else if (packets < expected_packets() || size.cut())
    last.error =
        Error("source.truncated", display + " ends after " + how_far() + ".", "Copy or download it again.");
  else if (number == 0)
    last.error = Error("source.empty", display + " has no frame that can be decoded.",
                       "Check the file or the camera.");
  if (!last.error) return std::nullopt;
  ++corrupt;
  return last;
}

VideoReader::VideoReader(const std::string& address, std::string display, const VideoOptions& options)
    : impl_(std::make_unique<Impl>(address, std::move(display), options)) {}
VideoReader::~VideoReader() = default;
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;

const VideoInfo& VideoReader::info() const { return impl_->info; }
std::optional<VideoFrame> VideoReader::next() { return impl_->next(); }
std::int64_t VideoReader::skipped() const { return impl_->skipped; }
std::int64_t VideoReader::corrupt() const { return impl_->corrupt; }

}  // namespace peregrine::source
