// An opened container: file, camera or standard input. Private to src/stages/source.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
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
  /// Why nothing of it can be decoded, where the file says more than FFmpeg: that the system cannot read it,
  /// that it is empty or truncated.
  std::optional<Error> incomplete() const;

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
  struct CloseDescriptor {
    int descriptor = -1;
    ~CloseDescriptor();
  };
  enum class Kind { file, network, pipe };  ///< standard input is a pipe, too

  void find_file(const std::filesystem::path& file);
  void open(const std::string& address);
  void probe();
  void check_size() const;
  const AVInputFormat* open_pipe();
  void open_bytes();
  void renew_deadline();
  bool must_stop();
  int read_bytes(std::uint8_t* to, int size);
  std::int64_t seek(std::int64_t offset, int whence) const;
  Error unreadable(int code) const;
  [[noreturn]] void fail_to_open(int code) const;

  std::filesystem::path file_;  ///< of Kind::file
  std::string display_;
  Kind kind_ = Kind::file;
  VideoOptions options_;
  CloseDescriptor opened_;  ///< of Kind::file, or a named pipe
  int pipe_ = -1;
  int read_failure_ = 0;  ///< errno, which FFmpeg's own codes may hide
  std::unique_ptr<AVIOContext, CloseInput> bytes_;
  std::unique_ptr<AVFormatContext, CloseFormat> format_;
  std::chrono::steady_clock::time_point deadline_;
  bool stopped_ = false;
  bool timed_out_ = false;
};

}  // namespace peregrine::source
