#include "stages/source/video/video.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <thread>

#include "core/sha256.h"
#include "stages/source/video_fixture.h"

namespace peregrine::source {
namespace {

TEST_F(Video, EveryFrameWithNumberTimeAndPixels) {
  VideoReader reader(make("a.mp4"), "a.mp4");
  EXPECT_EQ(reader.info().width, 96);
  EXPECT_EQ(reader.info().height, 64);
  EXPECT_EQ(reader.info().frames, 20);
  EXPECT_DOUBLE_EQ(reader.info().frames_per_second, 25);
  const std::vector<VideoFrame> frames = all(reader);
  ASSERT_EQ(frames.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(frames[i].number, i);
    EXPECT_NEAR(frames[i].seconds, i / 25., 1e-4);
    EXPECT_FALSE(frames[i].error);
    EXPECT_EQ(bar_number(frames[i].image), i);
    const std::uint8_t* pixel = frames[i].image.pixels.data() + (30 * 96 + (i < 12 ? 80 : 10)) * 3;
    EXPECT_NEAR(pixel[0], 180, 8);
    EXPECT_NEAR(pixel[1], 90, 8);
    EXPECT_NEAR(pixel[2], 30, 8);
  }
  EXPECT_EQ(reader.skipped() + reader.corrupt(), 0);
}

TEST_F(Video, EverySoManyFramesAndTheSkippedCounted) {
  VideoReader reader(make("a.mkv"), "a.mkv", {.every = 7});
  std::vector<std::int64_t> numbers;
  for (const VideoFrame& frame : all(reader)) {
    numbers.push_back(frame.number);
    EXPECT_EQ(bar_number(frame.image), frame.number);
  }
  EXPECT_THAT(numbers, testing::ElementsAre(0, 7, 14));
  EXPECT_EQ(reader.skipped(), 17);
}

TEST_F(Video, UnevenTimesAreKept) {
  const std::vector<double> times = {0, 0.04, 0.5, 0.52, 3};
  source::VideoWriter writer(path("a.mp4"), 96, 64, 0);
  for (std::size_t i = 0; i < times.size(); ++i) writer.write(bar(static_cast<int>(i)).view(), times[i]);
  writer.finish();
  VideoReader reader(path("a.mp4"), "a.mp4");
  const std::vector<VideoFrame> frames = all(reader);
  ASSERT_EQ(frames.size(), times.size());
  for (std::size_t i = 0; i < times.size(); ++i) EXPECT_NEAR(frames[i].seconds, times[i], 1e-3);
}

TEST_F(Video, TurnedUpright) {
  std::string file = contents(make("a.mp4", 3));
  // The display matrix of the track header: a quarter turn clockwise.
  const std::size_t matrix = file.find("tkhd") + 44;
  const auto put = [&](std::size_t index, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i)
      file[matrix + 4 * index + i] = static_cast<char>(value >> (24 - 8 * i));
  };
  put(0, 0), put(1, 1 << 16), put(3, static_cast<std::uint32_t>(-(1 << 16))), put(4, 0);
  VideoReader reader(write("turned.mp4", file), "turned.mp4");
  EXPECT_EQ(reader.info().width, 64);
  EXPECT_EQ(reader.info().height, 96);
  const auto frame = reader.next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->image.width, 64);
  EXPECT_EQ(frame->image.height, 96);
  const auto brightness = [&](int x, int y) {
    return frame->image.pixels[(static_cast<std::size_t>(y) * 64 + x) * 3 + 2];
  };
  EXPECT_GT(brightness(32, 2), 200) << "the bar at the left edge is now at the top";
  EXPECT_LT(brightness(32, 90), 80);
}

TEST_F(Video, DamagedFramesAreNamedAndTheRestIsRead) {
  std::string file = contents(make("a.avi", 200));
  const std::size_t middle = file.find("idx1") / 2;  // of the frames, not of the index behind them
  for (std::size_t at = middle; at < middle + 400; ++at) file[at] = static_cast<char>(at * 31);
  VideoReader reader(write("damaged.avi", file), "damaged.avi", {.every = 10});
  int errors = 0, good = 0;
  for (const VideoFrame& frame : all(reader)) {
    if (!frame.error) {
      ++good;
      continue;
    }
    ++errors;
    EXPECT_THAT(frame.error->sentence(), testing::HasSubstr("damaged.avi"));
    const bool one_frame = frame.error->code() == "image.corrupt";
    EXPECT_THAT(frame.error->sentence(),
                testing::HasSubstr(one_frame ? "frame " + std::to_string(frame.number) : " after "));
  }
  EXPECT_GE(errors, 1);
  EXPECT_GE(good, 10);
  EXPECT_EQ(reader.corrupt(), errors);
}

TEST_F(Video, CutShort) {
  const std::string file = contents(make("a.mp4", 60));
  EXPECT_EQ(opening(write("street.mp4", file.substr(0, file.size() / 2))),
            "source.truncated");  // its index was at the end
  // The index first, as files for the web have it: what is there is read, then the end is named.
  const std::size_t media = file.find("mdat") - 4, index = file.find("moov") - 4;
  std::string reordered = file.substr(0, media) + file.substr(index) + file.substr(media, index - media);
  const auto shift = static_cast<std::uint32_t>(file.size() - index);
  const std::size_t offsets = reordered.find("stco") + 12,
                    entries = static_cast<unsigned char>(reordered[reordered.find("stco") + 11]);
  for (std::size_t i = 0; i < entries; ++i) {
    std::uint32_t value = 0;
    for (std::size_t b = 0; b < 4; ++b)
      value = value << 8 | static_cast<unsigned char>(reordered[offsets + 4 * i + b]);
    value += shift;
    for (std::size_t b = 0; b < 4; ++b)
      reordered[offsets + 4 * i + b] = static_cast<char>(value >> (24 - 8 * b));
  }
  VideoReader whole(write("whole.mp4", reordered), "whole.mp4");
  EXPECT_EQ(all(whole).size(), 60u);
  VideoReader cut(write("cut.mp4", reordered.substr(0, reordered.size() - (index - media) / 2)), "cut.mp4");
  const std::vector<VideoFrame> frames = all(cut);
  ASSERT_GT(frames.size(), 5u);
  ASSERT_TRUE(frames.back().error);
  EXPECT_THAT(frames.back().error->code(), testing::AnyOf("source.truncated", "source.broken"));
  EXPECT_THAT(frames.back().error->sentence(), testing::HasSubstr("cut.mp4"));
}

/// Matroska counts no frames: that it was cut is told by the size that its segment states.
TEST_F(Video, CutShortWithoutACountOfFrames) {
  for (const char* name : {"a.mkv", "b.webm.mkv"}) {
    const std::string file = contents(make(name, 60));
    VideoReader whole(path(name), name);
    EXPECT_EQ(all(whole).size(), 60u) << name;
    VideoReader cut(write("cut", file.substr(0, file.size() * 2 / 3)), "cut");
    const std::vector<VideoFrame> frames = all(cut);
    ASSERT_GT(frames.size(), 5u) << name;
    ASSERT_TRUE(frames.back().error) << name;
    EXPECT_THAT(frames.back().error->code(), testing::AnyOf("source.truncated", "source.broken")) << name;
    EXPECT_EQ(cut.corrupt(),
              std::ranges::count_if(frames, [](const VideoFrame& frame) { return frame.error.has_value(); }));
  }
  const std::string file = contents(make("d.mkv", 60));
  VideoReader cut(write("cut.mkv", file.substr(0, file.size() - 1)), "cut.mkv");
  EXPECT_EQ(all(cut).back().error.value().code(), "source.truncated");
  std::string live = file;  // a size that was never filled in, as a camera's recorder leaves it
  const std::size_t segment = live.find("\x18\x53\x80\x67");
  live.replace(segment + 4, 8, "\x01\xff\xff\xff\xff\xff\xff\xff");
  VideoReader open_end(write("live.mkv", live.substr(0, live.size() - 1)), "live.mkv");
  for (const VideoFrame& frame : all(open_end)) EXPECT_FALSE(frame.error);
}

/// The index has an empty chunk for each frame that a recorder dropped: OpenCV reads
/// the others, and so do we.
TEST_F(Video, WithDroppedFramesIsWhole) {
  source::VideoWriter writer(path("a.avi"), 96, 64, 25);
  constexpr std::array<int, 6> kept = {0, 1, 2, 7, 8, 11};
  for (std::size_t i = 0; i < kept.size(); ++i) writer.write(bar(kept[i]).view(), kept[i] / 25.);
  writer.finish();
  VideoReader reader(path("a.avi"), "a.avi");
  EXPECT_EQ(reader.info().frames, std::ssize(kept)) << "frames that are there, not those that were dropped";
  const std::vector<VideoFrame> frames = all(reader);
  ASSERT_EQ(frames.size(), kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    EXPECT_FALSE(frames[i].error) << frames[i].error->what();
    EXPECT_EQ(bar_number(frames[i].image), kept[i]);
  }
  EXPECT_EQ(reader.corrupt(), 0);
}

/// The size that an AVI states, whatever its count of frames says; where it states none, the count.
TEST_F(Video, CutShortByTheSizeOfItsChunks) {
  const std::string file = contents(make("a.avi", 60));
  const auto end_of = [&](const std::string& bytes) -> std::optional<Error> {
    VideoReader reader(write("b.avi", bytes), "b.avi");
    const std::vector<VideoFrame> frames = all(reader);
    EXPECT_GT(frames.size(), 5u);
    return frames.back().error;
  };
  const auto bytes = [](std::size_t present, std::size_t stated) {
    return "it has " + std::to_string(present) + " of the " + std::to_string(stated) + " bytes";
  };
  EXPECT_FALSE(end_of(file));
  EXPECT_FALSE(end_of(file + "whatever comes behind"));
  const Error cut = end_of(file.substr(0, file.size() - 1)).value();
  EXPECT_EQ(cut.code(), "source.truncated");
  EXPECT_THAT(cut.sentence(), testing::HasSubstr(bytes(file.size() - 1, file.size())));
  EXPECT_EQ(end_of(file.substr(0, file.size() * 2 / 3)).value().code(), "source.truncated");
  const std::string second = std::string("RIFF\x20\0\0\0AVIX", 12) + std::string(28, 'x');
  EXPECT_FALSE(end_of(file + second));
  EXPECT_THAT(end_of(file + second.substr(0, 30)).value().sentence(),
              testing::HasSubstr(bytes(file.size() + 30, file.size() + 40)));
  std::string unknown = file;
  unknown.replace(4, 4, "\xff\xff\xff\x7f");
  EXPECT_FALSE(end_of(unknown));
  EXPECT_EQ(end_of(unknown.substr(0, file.size() * 2 / 3)).value().code(), "source.truncated");
}

/// A recorder that was killed: no size was filled in, there is no index, and frames were dropped.
TEST_F(Video, AnAviThatWasNeverFinishedHasTheFramesThatAreThere) {
  source::VideoWriter writer(path("a.avi"), 96, 64, 25);
  constexpr std::array<int, 6> kept = {0, 1, 2, 7, 8, 11};
  for (const int number : kept) writer.write(bar(number).view(), number / 25.);
  writer.finish();
  const std::string file = contents(path("a.avi"));
  const std::size_t list = file.find("movi") - 8, index = file.rfind("idx1");
  ASSERT_LT(list, index);
  for (const std::string& size : {std::string(4, '\0'), std::string(4, '\xff')})
    for (const std::size_t end : {file.size(), index}) {
      std::string killed = file.substr(0, end);
      killed.replace(4, 4, size);
      if (end == index) killed.replace(list + 4, 4, size);
      VideoReader reader(write("b.avi", killed), "b.avi");
      const std::vector<VideoFrame> frames = all(reader);
      ASSERT_EQ(frames.size(), kept.size());
      for (const VideoFrame& frame : frames) EXPECT_FALSE(frame.error) << frame.error->what();
      if (end == file.size()) {
        EXPECT_EQ(reader.info().frames, std::ssize(kept));
        continue;
      }
      VideoReader cut(write("c.avi", killed.substr(0, index - 10)), "c.avi");
      EXPECT_EQ(all(cut).back().error.value().code(), "source.truncated");
    }
}

/// Each kind of file, cut anywhere before its first frame, is named for what it is; the hint is true.
TEST_F(Video, TooShortForAFrameIsTruncated) {
  for (const char* name : {"a.mp4", "a.mov", "a.mkv", "a.avi", "a.ts", "a.flv"}) {
    const std::string file = contents(make(name, 30));
    for (const std::size_t size : {0, 3, 16, 120, 400}) {
      const std::string cut = write(std::string("cut") + name, file.substr(0, size));
      try {
        VideoReader reader(cut, "cut");
        const std::vector<VideoFrame> frames = all(reader);
        ASSERT_FALSE(frames.empty());
        EXPECT_TRUE(frames.back().error) << name << " " << size;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), size == 0 ? "source.empty" : "source.truncated") << name << " " << size;
        EXPECT_EQ(error.hint(), "Copy or download it again.") << name << " " << size;
      }
    }
  }
}

/// Motion JPEG without a container, as cameras record it, from a file as from a pipe.
TEST_F(Video, MotionJpegInAFile) {
  const std::string still = contents(test::repository_file("models/demo/scenes/val2017/000000.jpg"));
  VideoReader reader(write("a.mjpeg", still + still + still), "a.mjpeg");
  EXPECT_EQ(all(reader).size(), 3u);
  EXPECT_EQ(reader.corrupt(), 0);
}

/// It is waited for its writer until somebody wants to stop, and is read as standard input is.
TEST_F(Video, APipe) {
  const std::string file = contents(make("a.ts", 20));
  ASSERT_EQ(::mkfifo(path("pipe.ts").c_str(), 0600), 0);
  int asked = 0;
  EXPECT_EQ(opening(path("pipe.ts"), {.stop = [&] { return ++asked > 2; }}), "interrupted");
  {
    std::jthread writer([&] { write("pipe.ts", file); });
    VideoReader reader(path("pipe.ts"), "pipe.ts");
    EXPECT_EQ(all(reader).size(), 20u);
  }
  {
    std::jthread writer([&] { write("pipe.ts", ""); });
    EXPECT_EQ(opening(path("pipe.ts")), "source.empty");
  }
  std::jthread writer([&] { write("pipe.ts", "a line of text, nothing else"); });
  EXPECT_EQ(opening(path("pipe.ts")), "source.unknown");
}

/// Its tracks are there, and nothing of the first frame.
TEST_F(Video, WithoutAnyFrameItIsAnError) {
  const std::string file = contents(make("a.mkv", 30));
  const std::size_t cluster = file.find("\x1f\x43\xb6\x75");
  ASSERT_NE(cluster, std::string::npos);
  VideoReader cut(write("cut.mkv", file.substr(0, cluster + 40)), "cut.mkv");
  const std::vector<VideoFrame> frames = all(cut);
  ASSERT_EQ(frames.size(), 1u);
  ASSERT_TRUE(frames[0].error);
  EXPECT_EQ(frames[0].error->code(), "source.truncated");
  EXPECT_THAT(frames[0].error->sentence(), testing::HasSubstr("cut.mkv ends after 0 frames"));
}

TEST_F(Video, WhatIsNoVideo) {
  EXPECT_EQ(opening(path("absent.mp4")), "source.missing");
  EXPECT_EQ(opening("/dev/null"), "source.unreadable");
  EXPECT_EQ(opening(write("empty.mp4", "")), "source.empty");
  EXPECT_EQ(opening(write("image.mp4", "\x89PNG\r\n\x1a\n and nothing else")), "source.unknown");
  EXPECT_EQ(opening(write("text.mp4", "a line of text, nothing else")), "source.unknown");
  EXPECT_EQ(opening(write("list.m3u8", "#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")), "source.unknown");
  EXPECT_NE(opening(folder_.path()), "none");
  EXPECT_EQ(opening(make("a.mp4"), {.max_pixels = 96 * 64 - 1}), "image.too_large");
}

/// What begins with a letter or a word of a container, however short, is no cut video.
TEST_F(Video, TextsAndOtherFilesAreNoTruncatedVideos) {
  using namespace std::string_literals;
  const std::vector<std::string> others = {
      "x",
      "hello",
      "Go",
      "Good morning",
      "Go 2 the shop, and buy 1 bread.",
      "RIFF is a container",
      "RIFF is",
      "OggS and others",
      "for free: nothing",
      "G" + std::string(187, 'a') + "G" + std::string(187, 'b') + "G and on",
      "Gr\xc3\xbc\xc3\x9f Gott",
      "GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\4\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"s,
      "G\0o\0o\0d\0"s,
      "GRIB\0\0\0\1"s + std::string(150, '\3'),
      "\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0"s,
      "RIFF\x20\0\0\0WAVEfmt "s,
      "\x89PNG\r\n\x1a\n"s};
  for (const std::string& bytes : others)
    EXPECT_EQ(opening(write("x.mp4", bytes)), "source.unknown") << bytes;
}

/// The disk's error, not what a demuxer makes of it.
TEST_F(Video, AFailingDiskIsSaidInTheSystemsWords) {
  const std::string failing = "/proc/self/mem";  // nothing can be read at its beginning
  for (const char* name : {"a.mp4", "a.ts", "a.mjpeg"}) {
    std::filesystem::create_symlink(failing, path(name));
    try {
      const VideoReader reader(path(name), name);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "source.unreadable") << name;
      EXPECT_EQ(error.sentence(), name + std::string(" cannot be opened: Input/output error."));
    }
  }
}

TEST_F(Video, NamesOfVideos) {
  for (const char* name : {"-", "a.mp4", "B.MOV", "folder.d/c.MkV", "rtsp://camera/1", "rtsps://camera/1"})
    EXPECT_TRUE(names_a_video(name)) << name;
  for (const char* name : {"a.jpg", "mp4", "folder", "", "http://host/a", "a.mp4/"})
    EXPECT_FALSE(names_a_video(name)) << name;
  EXPECT_EQ(without_password("rtsp://user:secret@camera:554/1"), "rtsp://user:***@camera:554/1");
  EXPECT_EQ(without_password("rtsp://camera:554/a@b:c"), "rtsp://camera:554/a@b:c");
  EXPECT_EQ(without_password("rtsp://user@camera/1"), "rtsp://user@camera/1");
}

TEST(RealVideo, PixelsAreOpenCVs) {
  PEREGRINE_NEED_SHARED_DATA(data);
  std::ifstream list(test::repository_file("tests/stages/source/data/people_frames.txt"));
  VideoReader reader((data / "video/people.mp4").native(), "people.mp4");
  EXPECT_EQ(reader.info().frames, 302);
  std::int64_t number = 0;
  double seconds = 0;
  std::string digest;
  int compared = 0;
  for (; list >> number >> seconds >> digest; ++compared) {
    std::optional<VideoFrame> frame = reader.next();
    while (frame && frame->number < number) frame = reader.next();
    ASSERT_TRUE(frame);
    EXPECT_NEAR(frame->seconds, seconds, 1e-3);
    EXPECT_EQ(sha256_hex(std::as_bytes(std::span(frame->image.pixels))), digest) << "frame " << number;
  }
  EXPECT_GE(compared, 5);
}

}  // namespace
}  // namespace peregrine::source
