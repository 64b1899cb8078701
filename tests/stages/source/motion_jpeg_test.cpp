// MJPEG on standard input.
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "stages/decode/encode.h"
#include "stages/source/video_fixture.h"

namespace peregrine::source {
namespace {

/// Standard input replaced by a pipe for as long as it lives.
class StandardInput {
 public:
  StandardInput() : saved_(::dup(STDIN_FILENO)) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    end_ = ends[1];
  }
  ~StandardInput() {
    close();
    if (writer_.joinable()) writer_.join();
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }
  /// Writes in the background, then closes.
  void send(std::string bytes) {
    writer_ = std::thread([this, bytes = std::move(bytes)] {
      for (std::size_t at = 0; at < bytes.size();) {
        const ssize_t count = ::write(end_, bytes.data() + at, bytes.size() - at);
        if (count <= 0) break;
        at += static_cast<std::size_t>(count);
      }
      close();
    });
  }

 private:
  void close() {
    if (const int end = end_.exchange(-1); end >= 0) ::close(end);
  }
  int saved_;
  std::atomic<int> end_ = -1;
  std::thread writer_;
};

class MotionJpeg : public Video {
 protected:
  std::string jpeg_image(int number) {
    decode::save_image(bar(number), path("frame.jpg"));
    return contents(path("frame.jpg"));
  }
};

TEST_F(MotionJpeg, FromStandardInput) {
  std::string stream;
  for (int i = 0; i < 12; ++i) stream += jpeg_image(i);
  StandardInput input;
  input.send(stream);
  VideoReader reader("-", "standard input");
  EXPECT_EQ(reader.info().codec, "mjpeg");
  const std::vector<VideoFrame> frames = all(reader);
  ASSERT_EQ(frames.size(), 12u);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(bar_number(frames[i].image), i);
}

TEST_F(MotionJpeg, HalfAnImageIsAnError) {
  std::string stream;
  for (int i = 0; i < 12; ++i) {
    const std::string whole = jpeg_image(i);
    stream += i == 5 ? whole.substr(0, whole.size() / 2) : whole;
  }
  StandardInput input;
  input.send(stream);
  VideoReader reader("-", "standard input");
  int good = 0;
  for (const VideoFrame& frame : all(reader)) {
    if (frame.error) {
      EXPECT_EQ(frame.number, 5);
      EXPECT_EQ(frame.error->code(), "image.corrupt");
    } else {
      EXPECT_EQ(bar_number(frame.image), frame.number);
      ++good;
    }
  }
  EXPECT_EQ(good, 11);
  EXPECT_EQ(reader.corrupt(), 1);
}

TEST_F(MotionJpeg, LargerImagesThanWantedAreNotDecoded) {
  StandardInput input;
  input.send(jpeg_image(0) + jpeg_image(1) + jpeg_image(2));
  EXPECT_EQ(opening("-", {.max_pixels = 96 * 64 - 1}), "image.too_large");
}

TEST_F(MotionJpeg, WaitingEndsWhenAsked) {
  StandardInput input;
  int asked = 0;
  EXPECT_EQ(opening("-", {.stop = [&] { return ++asked > 2; }}).substr(0, 11), "interrupted");
}

}  // namespace
}  // namespace peregrine::source
