#include "stages/source/video/video_writer.h"

extern "C" {
#include <libavutil/opt.h>
}

#include <algorithm>
#include <array>
#include <cmath>
#include <new>

#include "core/memory_error.h"
#include "core/os/output_file.h"
#include "peregrine/error.h"
#include "stages/source/video/ffmpeg.h"

namespace peregrine::source {
namespace {

constexpr AVRational time_base{1, 90000};

struct CloseOutput {
  void operator()(AVFormatContext* p) const {
    if (p->pb) avio_closep(&p->pb);
    avformat_free_context(p);
  }
};

/// H.264 encoders that need no device, best first, then the MPEG-4 that every build has.
const AVCodec* choose_encoder() {
  for (const char* name : {"libx264", "libopenh264", "mpeg4"})
    if (const AVCodec* codec = avcodec_find_encoder_by_name(name)) return codec;
  return nullptr;
}

}  // namespace

struct VideoWriter::Impl {
  Impl(const std::filesystem::path& path, int width, int height, double frames_per_second);

  void open_encoder(int width, int height, double frames_per_second);
  void open_file();
  void convert(const ImageView& image);
  /// Sends a frame (null: the end) and writes what comes out.
  void encode(const AVFrame* av_frame);

  /// An encoder's failure is about memory where it says so, or gives no reason and has not what it needs. (An
  /// x264 without memory gives none; it writes a line to standard error, which belongs to the whole process
  /// and is left alone here.)
  bool is_about_memory(int code) const {
    const auto frame_bytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3 / 2;
    constexpr std::size_t frames_kept = 40, threads = std::size_t{64} << 20;
    if (code == AVERROR(ENOMEM) || code == AVERROR(EAGAIN)) return true;
    return code == AVERROR_EXTERNAL && is_memory_exhausted(frames_kept * frame_bytes + threads);
  }

  void check(int code) const {
    if (code < 0 && code != AVERROR(ENOSPC) && is_about_memory(code)) throw out_of_memory("to write " + name);
    if (code < 0)
      throw Error("output.write", name + " cannot be written: " + ffmpeg::error_text(code) + ".",
                  code == AVERROR(ENOSPC) ? "Free some space, or choose another place."
                                          : "Choose a place that can be written, and .mp4 as the format.");
  }

  std::string name;
  int width, height;
  PendingFile file;
  std::unique_ptr<AVFormatContext, CloseOutput> output;
  ffmpeg::CodecContext encoder;
  AVStream* stream = nullptr;
  ffmpeg::Frame frame{av_frame_alloc()};
  ffmpeg::Packet packet{av_packet_alloc()};
  ffmpeg::Scaler scaler;
  std::int64_t last_time = -1;
  AVRational frame_duration{1, 25};  ///< how long the last frame stays; the others stay until the next
};

VideoWriter::Impl::Impl(const std::filesystem::path& path, int w, int h, double frames_per_second)
    : name(printable(path.native())), width(w), height(h), file(path) {
  ffmpeg::redirect_log();
  if (!frame || !packet) throw std::bad_alloc();
  AVFormatContext* allocated = nullptr;
  const int code = avformat_alloc_output_context2(&allocated, nullptr, nullptr, file.temporary().c_str());
  output.reset(allocated);
  if (code == AVERROR(EINVAL))
    throw Error("output.write", name + " has no known video format.", "Name it .mp4.");
  check(code);
  open_encoder((w + 1) / 2 * 2, (h + 1) / 2 * 2, frames_per_second);
  open_file();
}

void VideoWriter::Impl::open_encoder(int coded_width, int coded_height, double frames_per_second) {
  const AVCodec* codec = choose_encoder();
  if (!codec)
    throw Error("output.write", name + " cannot be written: FFmpeg's library has no video encoder.",
                "Install a full libavcodec.");
  encoder.reset(avcodec_alloc_context3(codec));
  if (!encoder) throw std::bad_alloc();
  encoder->width = coded_width;
  encoder->height = coded_height;
  encoder->pix_fmt = AV_PIX_FMT_YUV420P;
  encoder->color_range = AVCOL_RANGE_MPEG;
  encoder->colorspace = AVCOL_SPC_BT709;
  encoder->color_primaries = AVCOL_PRI_BT709;
  encoder->color_trc = AVCOL_TRC_BT709;
  const bool h264 = codec->id == AV_CODEC_ID_H264;
  encoder->time_base = h264 ? time_base : AVRational{1, 1000};  // MPEG-4 counts in 16 bits
  if (frames_per_second > 0) {
    encoder->framerate = av_d2q(frames_per_second, 1'000'000);
    frame_duration = av_inv_q(encoder->framerate);
  }
  if (output->oformat->flags & AVFMT_GLOBALHEADER) encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  ffmpeg::Dictionary options;
  if (std::string_view(codec->name) == "libx264") {
    options.set("preset", "veryfast");
    options.set("crf", "20");
  } else {
    encoder->bit_rate = std::int64_t{6} * coded_width * coded_height;
  }
  check(avcodec_open2(encoder.get(), codec, options.get()));

  frame->format = encoder->pix_fmt;
  frame->width = coded_width;
  frame->height = coded_height;
  check(av_frame_get_buffer(frame.get(), 0));
}

void VideoWriter::Impl::open_file() {
  stream = avformat_new_stream(output.get(), nullptr);
  if (!stream) throw std::bad_alloc();
  stream->time_base = encoder->time_base;
  stream->avg_frame_rate = encoder->framerate;
  check(avcodec_parameters_from_context(stream->codecpar, encoder.get()));
  check(avio_open(&output->pb, ("file:" + file.temporary().native()).c_str(), AVIO_FLAG_WRITE));
  check(avformat_write_header(output.get(), nullptr));
}

void VideoWriter::Impl::convert(const ImageView& image) {
  const AVPixelFormat format = image.order == PixelOrder::bgr ? AV_PIX_FMT_BGR24 : AV_PIX_FMT_RGB24;
  scaler.reset(sws_getCachedContext(scaler.release(), image.width, image.height, format, frame->width,
                                    frame->height, AV_PIX_FMT_YUV420P, SWS_BICUBIC | SWS_ACCURATE_RND,
                                    nullptr, nullptr, nullptr));
  if (!scaler) throw std::bad_alloc();
  constexpr int one = 1 << 16;  // contrast and saturation
  sws_setColorspaceDetails(scaler.get(), sws_getCoefficients(SWS_CS_DEFAULT), 1,
                           sws_getCoefficients(SWS_CS_ITU709), 0, 0, one, one);
  const std::array<const std::uint8_t*, 4> planes = {image.data};
  const std::array<int, 4> pitches = {static_cast<int>(image.pitch)};
  check(av_frame_make_writable(frame.get()));
  sws_scale(scaler.get(), planes.data(), pitches.data(), 0, image.height, frame->data, frame->linesize);
}

void VideoWriter::Impl::encode(const AVFrame* av_frame) {
  check(avcodec_send_frame(encoder.get(), av_frame));
  while (true) {
    const int code = avcodec_receive_packet(encoder.get(), packet.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
    check(code);
    av_packet_rescale_ts(packet.get(), encoder->time_base, stream->time_base);
    packet->duration = av_rescale_q(1, frame_duration, stream->time_base);
    packet->stream_index = stream->index;
    check(av_interleaved_write_frame(output.get(), packet.get()));
  }
}

VideoWriter::VideoWriter(const std::filesystem::path& path, int width, int height, double frames_per_second)
    : impl_(std::make_unique<Impl>(path, width, height, frames_per_second)) {}
VideoWriter::~VideoWriter() = default;
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;

void VideoWriter::write(const ImageView& image, double seconds) {
  if (image.width != impl_->width || image.height != impl_->height)
    throw Error("output.write", impl_->name + " cannot take a frame of another size.",
                "Write videos of different sizes to different files.");
  impl_->convert(image);
  const auto time = static_cast<std::int64_t>(std::llround(seconds / av_q2d(impl_->encoder->time_base)));
  impl_->last_time = impl_->frame->pts = std::max(time, impl_->last_time + 1);
  impl_->encode(impl_->frame.get());
}

void VideoWriter::finish() {
  impl_->encode(nullptr);
  impl_->check(av_write_trailer(impl_->output.get()));
  impl_->check(avio_closep(&impl_->output->pb));
  impl_->file.commit();
}

std::string VideoWriter::encoder() const { return impl_->encoder->codec->name; }

}  // namespace peregrine::source
