// Cameras, on this machine only.
#include "stages/source/rtsp_server.h"
#include "stages/source/video_fixture.h"

namespace peregrine::source {
namespace {

using Rtsp = Video;

TEST_F(Rtsp, EveryFrameOfACamera) {
  const test::RtspServer server(make("a.mp4", 30), -1);
  VideoReader reader(server.address(), "camera");
  EXPECT_EQ(reader.info().codec, "h264");
  EXPECT_EQ(reader.info().frames, 0);
  std::vector<int> bars;
  double last = -1;
  while (const auto frame = reader.next()) {
    if (frame->error) {  // the server hangs up at the end
      EXPECT_EQ(frame->error->code(), "source.broken");
      continue;
    }
    bars.push_back(bar_number(frame->image));
    EXPECT_GT(frame->seconds, last);
    last = frame->seconds;
  }
  ASSERT_GE(bars.size(), 28u);
  for (std::size_t i = 1; i < bars.size(); ++i) EXPECT_EQ(bars[i], (bars[i - 1] + 1) % 24);
}

TEST_F(Rtsp, CameraThatFallsSilent) {
  const test::RtspServer server(make("a.mp4", 60), 50);
  VideoReader reader(server.address(), "camera", {.timeout_seconds = 1});
  int frames = 0;
  try {
    while (reader.next()) ++frames;
    ADD_FAILURE() << "ended without an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "source.timeout");
    EXPECT_THAT(error.sentence(), testing::StartsWith("camera "));
  }
  EXPECT_GT(frames, 20);
}

TEST_F(Rtsp, NobodyAnswers) {
  const test::Listener listener;  // takes the connection and says nothing
  EXPECT_EQ(opening(listener.address("rtsp", "/street"), {.timeout_seconds = 0.5}), "source.timeout");
}

TEST_F(Rtsp, NobodyThere) {
  std::string address;
  {
    const test::Listener listener;
    address = listener.address("rtsp", "/street");
  }
  EXPECT_EQ(opening(address), "source.unreadable");
}

/// It answers, but with nothing that is a video.
TEST_F(Rtsp, AnAnswerThatCannotBeRead) {
  const test::Listener listener;
  const std::jthread server([&] {
    const int client = listener.accept();
    std::string asked;
    for (char c = 0; ::read(client, &c, 1) == 1;) {
      asked += c;
      if (!asked.ends_with("\r\n\r\n")) continue;
      const std::size_t place = asked.find("CSeq: ");
      const std::string answer =
          "RTSP/1.0 200 OK\r\n" + asked.substr(place, asked.find("\r\n", place) - place) + "\r\n\r\n";
      if (::write(client, answer.data(), answer.size()) < 0) break;
      asked.clear();
    }
    ::close(client);
  });
  EXPECT_EQ(opening(listener.address("rtsp", "/street")), "source.unknown");
}

}  // namespace
}  // namespace peregrine::source
