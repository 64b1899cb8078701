// Frames of a video are decoded while earlier ones run. No clock: a frame's inference and the decoding of the
// frame after the next are both held until the other one has begun, which a pipeline that does one thing at a
// time never brings about.
#include <condition_variable>
#include <mutex>

#include "core/trace.h"
#include "peregrine/pipeline.h"
#include "stages/source/video_fixture.h"
#include "support/error_text.h"

namespace peregrine {
namespace {

/// Inference n meets source n + 2: one frame runs, one has been decoded, one is being decoded.
class Meetings final : public trace::Listener {
 public:
  static constexpr int ahead = 2;

  /// `sources`: how many there will be, the last of which finds the end of the video.
  explicit Meetings(int sources) : sources_(sources) {}

  void begin(std::string_view name) override {
    std::unique_lock lock(mutex_);
    if (name == "source") {
      const int number = decoding_++;
      changed_.notify_all();
      if (number >= ahead) wait(lock, [&] { return running_ > number - ahead; });
    } else if (name.starts_with("inference")) {
      const int number = running_++;
      changed_.notify_all();
      if (number + ahead < sources_) wait(lock, [&] { return decoding_ > number + ahead; });
    }
  }
  void end() noexcept override {}

  int running() const { return running_; }
  int decoding() const { return decoding_; }
  bool all_met() const { return !missed_; }

 private:
  template <class Condition>
  void wait(std::unique_lock<std::mutex>& lock, Condition&& met) {
    constexpr std::chrono::minutes so_that_a_failure_ends{1};
    if (!missed_ && !changed_.wait_for(lock, so_that_a_failure_ends, [&] { return missed_ || met(); }))
      missed_ = true;
    if (missed_) changed_.notify_all();
  }

  const int sources_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int decoding_ = 0, running_ = 0;  ///< how many have begun
  bool missed_ = false;
};

class Overlap : public source::Video {
 protected:
  static Pipeline pipeline_of(int every = 1) {
    Settings settings;
    settings.force_gpu_only = false;
    settings.store.clear();
    settings.imgsz = 64;
    PipelineOptions options;
    options.models = {test::repository_file("models/demo/demo-detect.pt")};
    options.engine = "openvino";
    options.every = every;
    return {settings, options};
  }
};

/// A number of frames that no run can have; the hint names those it can.
TEST_F(Overlap, EverySoManyFramesAreOneAtLeast) {
  for (const int every : {0, -1})
    EXPECT_THAT(test::error_text([&] { pipeline_of(every); }), testing::HasSubstr("Pass --every 1 or more."));
  const std::string video = make("street.mp4", 4);
  for (const int every : {1, 2}) {
    int results = 0;
    pipeline_of(every).run({video}, [&](const FrameResult& frame_result) {
      results += frame_result.result.has_value();
      return true;
    });
    EXPECT_EQ(results, 4 / every);
  }
}

TEST_F(Overlap, AFrameIsDecodedWhileAnEarlierOneRuns) {
  constexpr int frames = 8;
  const std::string video = make("street.mp4", frames);
  Pipeline pipeline = pipeline_of();
  Meetings meetings(frames + 1);
  int results = 0;
  {
    const trace::Listening listening(meetings);
    pipeline.run({video}, [&](const FrameResult& frame_result) {
      results += frame_result.result.has_value();
      return true;
    });
  }
  EXPECT_TRUE(meetings.all_met()) << "the frames waited for each other";
  EXPECT_EQ(meetings.running(), frames);
  EXPECT_EQ(meetings.decoding(), frames + 1);
  EXPECT_EQ(results, frames);
}

}  // namespace
}  // namespace peregrine
