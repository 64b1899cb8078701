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

}  // namespace
}  // namespace peregrine::source
