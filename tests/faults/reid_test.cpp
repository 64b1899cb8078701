// ReID in the graph of a batch: what is launched and waited for, each call of the conditional nodes failing
// in turn, and engines that cannot be captured.
#include <gmock/gmock.h>

#include "fault.h"
#include "pipeline_fixture.h"
#include "support/fake_cuda.h"

namespace peregrine {
namespace {

using predictor::BatchRunner;
using test::error_of;
using test::FakeCuda;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReidFaults : public test::PipelineFaults {
 protected:
  ReidFaults() {
    model_ = "demo-detect.pt";
    reid_ = true;
  }

  /// Calls that a second batch makes: the first one records.
  static std::map<std::string, int> calls_of_a_batch(const ReidFaults& test, FakeCuda& cuda,
                                                     BatchRunner& runner) {
    test.run(runner);
    std::map<std::string, int> calls = cuda.calls();
    const auto outcomes = test.run(runner);
    for (auto& [name, count] : calls) count = cuda.calls().at(name) - count;
    std::vector<std::string> names;
    for (const auto& transfer : outcomes.at(0).result.value().device_to_host) names.push_back(transfer.name);
    EXPECT_THAT(names, ElementsAre("results", "person count", "embeddings"));
    return calls;
  }
};

/// Engines that a library does not let be captured: all of them, or the ReID model's alone.
class NotCaptured final : public test::ForwardingBuilder {
 public:
  NotCaptured(std::shared_ptr<const Builder> builder, bool reid_alone)
      : ForwardingBuilder(std::move(builder)), reid_alone_(reid_alone) {}

  std::unique_ptr<Engine> load(const Plan& plan, const Device& device,
                               const cuda::MemoryPool* pool) const override {
    auto engine = ForwardingBuilder::load(plan, device, pool);
    constexpr int person_height = 256;
    if (reid_alone_ && engine->io().front().shape[2] != person_height) return engine;
    return std::make_unique<Uncapturable>(std::move(engine));
  }

 private:
  class Uncapturable final : public Engine {
   public:
    explicit Uncapturable(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
    std::span<const Binding> io() const override { return engine_->io(); }
    Precision precision() const override { return engine_->precision(); }
    void enqueue(std::span<const TensorView> bindings, StreamHandle stream) override {
      engine_->enqueue(bindings, stream);
    }
    bool capturable(StreamHandle) const override { return false; }

   private:
    std::unique_ptr<Engine> engine_;
  };

  bool reid_alone_;
};

TEST_F(ReidFaults, ABatchIsOneLaunchAndOneWait) {
  FakeCuda cuda;
  const auto runner = make();
  const auto calls = calls_of_a_batch(*this, cuda, *runner);
  EXPECT_EQ(calls.at("graph_launch"), 1);
  EXPECT_EQ(calls.at("stream_synchronize"), 1);
  EXPECT_EQ(calls.at("begin_capture"), 0);
  EXPECT_EQ(cuda.calls().at("graph_add_node"), 2) << "a loop and the capacities in it";
  EXPECT_EQ(cuda.calls().at("begin_capture_to_graph"), 5) << "the loop's body, four capacities";
  EXPECT_THAT(cuda.misuse(), IsEmpty());
}

TEST_F(ReidFaults, PersonsOfModelsSideBySideAreOneListAndOneLoop) {
  beside_ = {"demo-pose.pt"};
  FakeCuda cuda;
  const auto runner = make();
  const auto outcomes = run(*runner);
  std::vector<std::string> names;
  for (const auto& transfer : outcomes.at(0).result.value().device_to_host) names.push_back(transfer.name);
  EXPECT_THAT(names, ElementsAre("results", "results", "person count", "embeddings"));
  EXPECT_EQ(cuda.calls().at("graph_add_node"), 2) << "a loop and the capacities in it, for both models";
  EXPECT_THAT(cuda.misuse(), IsEmpty());
}

TEST_F(ReidFaults, EachCallOfTheConditionalNodesThatFailsIsOneErrorAndTheNextBatchWorks) {
  std::map<std::string, int> before, calls;
  {
    FakeCuda counting;
    const auto runner = make();
    before = counting.calls();
    run(*runner);
    calls = counting.calls();
  }
  FakeCuda cuda;
  {
    const auto runner = make();
    std::vector<std::size_t> alive;
    for (const std::string name :
         {"begin_capture", "end_capture", "capture_info", "update_capture_dependencies",
          "begin_capture_to_graph", "conditional_handle_create", "graph_add_node", "graph_instantiate"}) {
      ASSERT_GT(calls[name] - before[name], 0) << name;
      for (int nth = 0; nth < calls[name] - before[name]; ++nth) {
        SCOPED_TRACE(name + " " + std::to_string(nth));
        cuda.fail(name, nth, cudaErrorNotSupported);
        const auto error = error_of([&] { run(*runner); });
        ASSERT_TRUE(error);
        EXPECT_EQ(error->code(), "enforcement.step");
        EXPECT_THAT(
            error->sentence(),
            AnyOf(HasSubstr("GPU-only operation failed: reid: cuda"),
                  HasSubstr("GPU-only operation failed: inference demo-detect.pt, demo-reid.pth: cuda")));
        cuda.heal();
        alive.push_back(cuda.alive());
      }
    }
    for (std::size_t i = 3; i < alive.size(); ++i)
      EXPECT_EQ(alive[i], alive[2]) << "both sets of frames are there by then";
    EXPECT_FALSE(error_of([&] { run(*runner); })) << "the next batch must work";
  }
  EXPECT_EQ(cuda.alive(), 0u);
  EXPECT_THAT(cuda.misuse(), IsEmpty());
}

TEST_F(ReidFaults, WhereReidCannotBeCapturedTheHostChoosesTheCropBatchesAfterTheGraph) {
  FakeCuda cuda;
  const auto runner = make(true, std::make_shared<NotCaptured>(builder_, true));
  const auto calls = calls_of_a_batch(*this, cuda, *runner);
  EXPECT_EQ(calls.at("graph_launch"), 1);
  EXPECT_EQ(calls.at("stream_synchronize"), 3) << "the graph, the number of persons, the embeddings";
  EXPECT_FALSE(cuda.calls().contains("graph_add_node"));
}

TEST_F(ReidFaults, WhereNothingCanBeCapturedThereIsNoGraph) {
  FakeCuda cuda;
  const auto runner = make(true, std::make_shared<NotCaptured>(builder_, false));
  const auto calls = calls_of_a_batch(*this, cuda, *runner);
  EXPECT_EQ(calls.at("stream_synchronize"), 3);
  EXPECT_FALSE(cuda.calls().contains("begin_capture"));
}

}  // namespace
}  // namespace peregrine
