// An opened container: file, camera or standard input. Private to src/stages/source.
#pragma once

#include <chrono>
#include <string>

#include "peregrine/error.h"
#include "stages/source/video/ffmpeg.h"
#include "stages/source/video/video.h"

namespace peregrine::source {

class VideoInput {
 public:
  VideoInput(const std::string& address, std::string display, const VideoOptions& options);
  ~VideoInput() = default;
  VideoInput(const VideoInput&) = delete;
  VideoInput& operator=(const VideoInput&) = delete;

  AVFormatContext& format() { return *format_; }
  /// av_read_frame with the deadline renewed.
  int read(AVPacket& packet);
  bool timed_out() const { return timed_out_; }
  Error timeout_error() const;

  bool stopped() const { return stopped_; }

 private:
  struct CloseFormat {
    void operator()(AVFormatContext* p) const { avformat_close_input(&p); }
  };
  struct CloseInput {
    void operator()(AVIOContext* p) const {
      av_freep(&p->buffer);
      avio_context_free(&p);
    }
  };
  enum class Kind { file, network, standard_input };

  void open(const std::string& address);
  void probe();
  void check_size() const;
  void open_standard_input();
  void renew_deadline();
  bool must_stop();
  int read_standard_input(std::uint8_t* to, int size);
  [[noreturn]] void fail_to_open(int code) const;

  std::string display_;
  Kind kind_;
  VideoOptions options_;
  std::unique_ptr<AVIOContext, CloseInput> standard_input_;
  std::unique_ptr<AVFormatContext, CloseFormat> format_;
  std::chrono::steady_clock::time_point deadline_;
  bool stopped_ = false;
  bool timed_out_ = false;
};

}  // namespace peregrine::source
