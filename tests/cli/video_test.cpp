// `predict` on videos: every frame an entry, damaged ones named, an annotated video that plays, Ctrl-C half
// way.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "command.h"
#include "stages/decode/decode.h"
#include "stages/source/rtsp_server.h"
#include "stages/source/video/video.h"
#include "stages/source/video/video_writer.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr double frames_per_second = 10;

class PredictVideo : public testing::Test {
 protected:
  /// The scenes, over and over, as a video.
  std::string film(int frames) {
    const auto scenes = test::repository_file("models/demo/scenes/val2017");
    const std::string file = (folder_.path() / "film.mp4").string();
    std::optional<source::VideoWriter> writer;
    for (int i = 0; i < frames; ++i) {
      std::ifstream stream(scenes / ("00000" + std::to_string(i % 4) + ".jpg"), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
      HostImage scene = decode::decode_image(std::as_bytes(std::span(bytes)), "scene", 1 << 28);
      if (!writer) writer.emplace(file, scene.width, scene.height, frames_per_second);
      writer->write(scene.view(), i / frames_per_second);
    }
    writer->finish();
    return file;
  }
  test::CommandResult predict(const std::string& source, std::vector<std::string> more,
                              const std::string& interrupt_after = "",
                              const std::function<void()>& in_child = {}) {
    std::vector<std::string> arguments{
        "predict",  "--allow-cpu",
        "--engine", "openvino",
        "--model",  test::repository_file("models/demo/demo-detect.pt").string(),
        "--source", source,
        "--store",  (folder_.path() / "store").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return test::run_command(arguments, folder_.path().string(), interrupt_after, in_child);
  }
  static std::vector<double> times_of(const fs::path& video) {
    source::VideoReader reader(video.string(), "video");
    std::vector<double> times;
    while (const auto frame = reader.next()) {
      EXPECT_FALSE(frame->error) << frame->error->what();
      times.push_back(frame->seconds);
    }
    return times;
  }
  std::vector<nlohmann::json> lines_of(const std::string& name) const {
    std::ifstream stream(folder_.path() / name);
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  test::TemporaryFolder folder_;
};

TEST_F(PredictVideo, ThatItIsDecodedOnTheHostIsSaidOnce) {
  const std::string video = film(2);
  const auto said = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--source", video});
    const std::string err = predict(video, more).err;
    int times = 0;
    for (std::size_t at = err.find("host-decoded"); at != std::string::npos;
         at = err.find("host-decoded", at + 1))
      ++times;
    return times;
  };
  EXPECT_EQ(said({}), 1);
  EXPECT_EQ(said({"--log-json"}), 2) << "a log for programs has every line";
}

TEST_F(PredictVideo, EachFrameIsAnEntryAndTheAnnotatedVideoKeepsItsTimes) {
  const auto result = predict(film(7), {"--json", "out.json", "--save", "drawn"});
  ASSERT_EQ(result.status, 0) << result.err;
  std::ifstream stream(folder_.path() / "out.json");
  const auto json = nlohmann::json::parse(stream);
  ASSERT_EQ(json.at("images").size(), 7U);
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(json["images"][i]["frame"], i);
    EXPECT_EQ(json["images"][i]["decode"], "host-decoded");
    EXPECT_NEAR(json["images"][i]["seconds"], static_cast<double>(i) / frames_per_second, 1e-3);
    EXPECT_GT(json["images"][i]["objects"].size(), 0U);
  }
  EXPECT_EQ(json.at("videos").at(0).at("skipped"), 0);
  const auto times = times_of(folder_.path() / "drawn" / "film.mp4");
  ASSERT_EQ(times.size(), 7U);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_NEAR(times[i], static_cast<double>(i) / frames_per_second, 2e-3);
}

TEST_F(PredictVideo, FramesAreSkippedWhenAskedAndCounted) {
  const auto result =
      predict(film(8), {"--every", "3", "--batch", "2", "--json", "out.jsonl", "--save", "drawn"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("film.mp4: 3 frames run, 5 skipped, 0 corrupt"));
  EXPECT_THAT(result.err, HasSubstr("host-decoded"));
  const auto lines = lines_of("out.jsonl");
  ASSERT_EQ(lines.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(lines[i].at("frame"), 3 * i);
  const auto times = times_of(folder_.path() / "drawn" / "film.mp4");
  ASSERT_EQ(times.size(), 3U);
  EXPECT_NEAR(times[2], 6 / frames_per_second, 2e-3);
  EXPECT_EQ(predict("film.mp4", {"--every", "0"}).status, 2);
}

TEST_F(PredictVideo, AVideoThatBreaksOffKeepsItsGoodFrames) {
  const std::string file = film(12);
  const auto whole = fs::file_size(file);
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  // Half of the file, index and first frames left alone: a few bytes may happen to decode.
  stream.seekp(static_cast<std::streamoff>(whole / 4));
  stream << std::string(whole / 2, '\x55');
  stream.close();
  const auto result = predict(file, {"--json", "out.jsonl"});
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("frame"));
  int good = 0, damaged = 0;
  for (const auto& line : lines_of("out.jsonl")) (line.contains("code") ? damaged : good) += 1;
  EXPECT_GT(good, 0);
  EXPECT_GT(damaged, 0);
}

TEST_F(PredictVideo, ACameraIsAStreamOfLines) {
  const test::RtspServer camera(film(9), -1);
  const auto result = predict(camera.address(), {"--every", "2", "--json", "out.jsonl", "--save", "drawn"});
  EXPECT_THAT(result.err, HasSubstr("h264 640x480, host-decoded"));
  EXPECT_THAT(result.err, HasSubstr("frames run, "));
  const auto lines = lines_of("out.jsonl");
  std::vector<std::int64_t> frames;
  double last = -1;
  for (const auto& line : lines) {
    if (line.contains("code")) continue;  // the camera hangs up at the end
    frames.push_back(line.at("frame"));
    EXPECT_GT(line.at("seconds").get<double>(), last);
    last = line.at("seconds");
    EXPECT_GT(line.at("objects").size(), 0U);
  }
  ASSERT_GE(frames.size(), 4U) << result.err;
  for (std::size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(frames[i], static_cast<std::int64_t>(2 * i));
}

TEST_F(PredictVideo, MotionJpegOnStandardInputIsNamedFrameByFrame) {
  std::string stream;
  for (int i = 0; i < 5; ++i) {
    std::ifstream file(test::repository_file("models/demo/scenes/val2017/00000" + std::to_string(i) + ".jpg"),
                       std::ios::binary);
    const std::string image{std::istreambuf_iterator<char>(file), {}};
    stream += i == 2 ? image.substr(0, image.size() / 2) : image;
  }
  const std::string name = (folder_.path() / "stream").string();
  std::ofstream(name, std::ios::binary) << stream;
  const auto from_file = [name] { dup2(open(name.c_str(), O_RDONLY), STDIN_FILENO); };
  const auto result = predict("-", {"--json", "out.jsonl"}, "", from_file);
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("4 frames run, 0 skipped, 1 corrupt"));
  std::vector<std::int64_t> frames;
  for (const auto& line : lines_of("out.jsonl")) {
    if (!line.contains("code")) {
      frames.push_back(line.at("frame"));
    } else {
      EXPECT_EQ(line.at("frame"), 2);
      EXPECT_THAT(line.at("message").get<std::string>(), HasSubstr("frame 2 is damaged"));
    }
  }
  EXPECT_EQ(frames, (std::vector<std::int64_t>{0, 1, 3, 4})) << result.err;
}

TEST_F(PredictVideo, StrictDecodeRefusesIt) {
  const auto result = predict(film(2), {"--strict-decode", "--json", "out.jsonl"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("decoded on the host"));
  ASSERT_EQ(lines_of("out.jsonl").size(), 1U);
  EXPECT_EQ(lines_of("out.jsonl")[0].at("code"), "enforcement.host_decoded");
}

TEST_F(PredictVideo, CtrlCLeavesAVideoThatPlaysAndItsLines) {
  const auto result = predict(film(200), {"--json", "out.jsonl", "--save", "drawn"}, "20/200");
  EXPECT_EQ(result.status, 130) << result.err;
  auto lines = lines_of("out.jsonl");
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.back().at("code"), "interrupted");
  lines.pop_back();
  EXPECT_GE(lines.size(), 5U);
  EXPECT_LT(lines.size(), 200U);
  EXPECT_EQ(times_of(folder_.path() / "drawn" / "film.mp4").size(), lines.size());
}

/// The first source is done; the second one is a pipe that nobody writes to.
TEST_F(PredictVideo, CtrlCEndsTheWaitForAPipe) {
  const std::string pipe = (folder_.path() / "pipe.mp4").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string image = test::repository_file("models/demo/scenes/val2017/000000.jpg").string();
  for (const std::string& waits : {pipe, pipe.substr(0, pipe.size() - 4)}) {
    if (waits != pipe) fs::rename(pipe, waits);
    const auto result = predict(image, {"--source", waits, "--json", "out.json"}, "1/2");
    EXPECT_EQ(result.status, 130) << result.err;
    std::ifstream stream(folder_.path() / "out.json");
    const auto json = nlohmann::json::parse(stream);
    EXPECT_EQ(json.at("images").size(), 1U);
    EXPECT_EQ(json.at("errors").back().at("code"), "interrupted");
  }
}

TEST_F(PredictVideo, WhatIsNoVideoIsNamed) {
  std::ofstream(folder_.path() / "text.mp4") << "no video at all";
  const auto result = predict("text.mp4", {"--save", "drawn"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("text.mp4"));
  EXPECT_TRUE(fs::is_empty(folder_.path() / "drawn"));
}

}  // namespace
}  // namespace peregrine
