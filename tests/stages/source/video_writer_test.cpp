// What is written is read back in tests/stages/source; here: that nothing is left behind.
#include "stages/source/video/video_writer.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <new>

#include "peregrine/error.h"
#include "stages/source/video/ffmpeg.h"
#include "support/test_data.h"

namespace peregrine::source {
namespace {

namespace fs = std::filesystem;

HostImage noise(int width, int height, unsigned seed) {
  HostImage image{width, height, PixelOrder::bgr,
                  std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3)};
  for (std::uint8_t& value : image.pixels)
    value = static_cast<std::uint8_t>((seed = seed * 1664525u + 1013904223u) >> 24);
  return image;
}

std::string outcome(const std::function<void()>& action) {
  try {
    action();
    return "none";
  } catch (const Error& error) {
    EXPECT_THAT(error.sentence(), testing::HasSubstr("street"));
    EXPECT_FALSE(error.hint().empty());
    return error.code();
  }
}

TEST(VideoWriter, AppearsWhenFinished) {
  const test::TemporaryFolder folder;
  for (const char* name : {"street.mp4", "street.mkv", "street.avi", "street.mov"}) {
    VideoWriter writer(folder.path() / name, 45, 31, 30);
    for (unsigned i = 0; i < 5; ++i) writer.write(noise(45, 31, i).view(), i / 30.);
    EXPECT_FALSE(fs::exists(folder.path() / name));
    writer.finish();
    EXPECT_GT(fs::file_size(folder.path() / name), 500u) << name;
    EXPECT_FALSE(writer.encoder().empty());
  }
}

TEST(VideoWriter, UnfinishedLeavesNothing) {
  const test::TemporaryFolder folder;
  {
    VideoWriter writer(folder.path() / "street.mp4", 64, 48, 30);
    writer.write(noise(64, 48, 1).view(), 0);
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(VideoWriter, OnePixelAndOneFrame) {
  const test::TemporaryFolder folder;
  VideoWriter writer(folder.path() / "street.mp4", 1, 1, 0);
  writer.write(noise(1, 1, 1).view(), 0);
  writer.finish();
  EXPECT_TRUE(fs::exists(folder.path() / "street.mp4"));
}

TEST(VideoWriter, FailsWithTheFilesName) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(outcome([&] { VideoWriter(folder.path() / "street.what", 64, 48, 30); }), "output.write");
  EXPECT_EQ(outcome([&] { VideoWriter(folder.path() / "absent" / "street.mp4", 64, 48, 30); }),
            "output.write");
  EXPECT_EQ(outcome([&] {
              VideoWriter(folder.path() / "street.mp4", 64, 48, 30).write(noise(32, 32, 1).view(), 0);
            }),
            "output.write");
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

#if !PEREGRINE_SANITIZED  // whose shadow memory is larger than any limit
/// How writing ends with so many more bytes of memory; in a process of its own.
[[noreturn]] void write_with(std::size_t bytes, const fs::path& file) {
  const HostImage image = noise(1280, 720, 1);
  const std::size_t mapped = [] {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  }();
  const rlimit limit{mapped + bytes, mapped + bytes};
  setrlimit(RLIMIT_AS, &limit);
  try {
    VideoWriter writer(file, image.width, image.height, 30);
    for (int i = 0; i < 12; ++i) writer.write(image.view(), i / 30.);
    writer.finish();
    std::_Exit(0);
  } catch (const Error& error) {
    std::_Exit(error.code() == "environment.memory" ? 3 : 1);
  } catch (const std::bad_alloc&) {
    std::_Exit(3);
  }
}

/// x264 says itself which allocation failed: standard error is the process's, and is not taken from it.
TEST(VideoWriter, TooLittleMemoryIsSaidAsThat) {
  const auto words = testing::MatchesRegex("(x264 \\[error\\]: malloc of size [0-9]+ failed\n)*");
  const test::TemporaryFolder folder;
  const auto ended = [](int status) {
    return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3);
  };
  for (const std::size_t megabytes : {16, 40, 64, 88})
    EXPECT_EXIT(write_with(megabytes << 20, folder.path() / "street.mp4"), ended, words) << megabytes;
  EXPECT_EXIT(write_with(std::size_t{8} << 20, folder.path() / "street.mp4"), testing::ExitedWithCode(3),
              words);
}
#endif

/// What other threads write while an encoder works must arrive. FFmpeg's log is called in the midst of it.
TEST(VideoWriter, StandardErrorStaysTheProcesss) {
  const test::TemporaryFolder folder;
  const auto watched = [&] {
    { const VideoWriter first(folder.path() / "street.mp4", 64, 48, 30); }  // sets a log of its own, once
    static std::FILE* const before = stderr;
    static int heard = 0, swapped = 0;
    av_log_set_callback([](void*, int, const char*, va_list) { ++heard, swapped += stderr != before; });
    VideoWriter writer(folder.path() / "street.mp4", 64, 48, 30);
    writer.write(noise(64, 48, 1).view(), 0);
    writer.finish();
    std::_Exit(heard == 0 ? 2 : swapped != 0 ? 1 : 0);
  };
  EXPECT_EXIT(watched(), testing::ExitedWithCode(0), testing::Eq(""));
}

TEST(VideoWriter, FullDiskLeavesNothing) {
  const test::TemporaryFolder folder;
  // A limit on the size of files stands in for a full disk.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{20'000, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_EQ(outcome([&] {
              VideoWriter writer(folder.path() / "street.mp4", 320, 240, 30);
              for (unsigned i = 0; i < 60; ++i) writer.write(noise(320, 240, i).view(), i / 30.);
              writer.finish();
            }),
            "output.write");
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace peregrine::source
