// Owners of FFmpeg's objects, and its log and errors in this project's terms. Header-only: the folders that
// read and write video include it and link the libraries themselves.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

#include "core/log.h"
#include "core/text.h"

namespace peregrine::ffmpeg {

struct Free {
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
  void operator()(AVPacket* p) const { av_packet_free(&p); }
  void operator()(AVFrame* p) const { av_frame_free(&p); }
  void operator()(SwsContext* p) const { sws_freeContext(p); }
};
using CodecContext = std::unique_ptr<AVCodecContext, Free>;
using Packet = std::unique_ptr<AVPacket, Free>;
using Frame = std::unique_ptr<AVFrame, Free>;
using Scaler = std::unique_ptr<SwsContext, Free>;

class Dictionary {
 public:
  Dictionary() = default;
  ~Dictionary() { av_dict_free(&entries_); }
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  void set(const char* key, const std::string& value) { av_dict_set(&entries_, key, value.c_str(), 0); }
  AVDictionary** get() { return &entries_; }

 private:
  AVDictionary* entries_ = nullptr;
};

/// "Invalid data found when processing input".
inline std::string error_text(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

/// FFmpeg prints to standard error by default; a library does not. What it says goes to the debug log.
inline void redirect_log() {
  static const bool done = [] {
    av_log_set_callback([](void* context, int level, const char* format, va_list arguments) {
      if (level > AV_LOG_WARNING || !log::enabled(log::Level::debug)) return;
      char line[512];
      int prefix = 1;
      av_log_format_line2(context, level, format, arguments, line, sizeof line, &prefix);
      std::string text = line;
      while (text.ends_with('\n')) text.pop_back();
      log::debug("FFmpeg: " + printable(text));
    });
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace peregrine::ffmpeg
