#include "core/trace.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "gpu_policy/gpu_policy.h"
#include "peregrine/error.h"

namespace peregrine::trace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Notes final : public Listener {
 public:
  void begin(std::string_view name) override { notes.push_back("begin " + std::string(name)); }
  void end() noexcept override { notes.emplace_back("end"); }
  std::vector<std::string> notes;
};

TEST(Trace, ListenersHearRangesAsTheyNest) {
  Notes first, second;
  {
    const Listening a(first), b(second);
    const Range outer("decode");
    const Range inner("jpeg");
  }
  EXPECT_THAT(first.notes, ElementsAre("begin decode", "begin jpeg", "end", "end"));
  EXPECT_EQ(second.notes, first.notes);
}

TEST(Trace, NobodyHearsWhatIsNotListenedTo) {
  Notes notes;
  { const Range range("before"); }
  { const Listening listening(notes); }
  { const Range range("after"); }
  EXPECT_THAT(notes.notes, IsEmpty());
}

TEST(Trace, AStepIsARangeThatEndsHoweverItEnds) {
  Notes notes;
  const Listening listening(notes);
  EXPECT_THROW(in_step("decode", [] { throw Error("device.call", "no."); }), StepFailure);
  EXPECT_EQ(in_step("reid", [] { return 7; }), 7);
  EXPECT_THAT(notes.notes, ElementsAre("begin decode", "end", "begin reid", "end"));
}

TEST(Trace, MoreListenersThanPlacesAreRefused) {
  Notes notes;
  const Listening a(notes), b(notes);
  EXPECT_THROW(Listening{notes}, Error);
}

}  // namespace
}  // namespace peregrine::trace
