#include "core/os/child.h"

#include <gtest/gtest.h>

namespace peregrine {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds ample{60'000};

TEST(Child, GivesStatusAndWhatWasPrinted) {
  const ChildResult run = run_child({"sh", "-c", "echo out; echo err >&2; cat; exit 3"}, ample);
  EXPECT_TRUE(run.started);
  EXPECT_FALSE(run.timed_out);
  EXPECT_EQ(run.status, 3);
  EXPECT_EQ(run.out, "out\n") << "standard input is empty";
  EXPECT_EQ(run.err, "err\n");
}

TEST(Child, SaysThatThereIsNoSuchProgram) {
  EXPECT_FALSE(run_child({"/nonexistent/program"}, ample).started);
}

TEST(Child, AddsToTheEnvironment) {
  EXPECT_EQ(run_child({"sh", "-c", "echo \"$PEREGRINE_CHILD\"; test -n \"$PATH\""}, ample,
                      {{"PEREGRINE_CHILD", "yes"}})
                .out,
            "yes\n");
}

TEST(Child, ReadsMoreThanAPipeHolds) {
  EXPECT_EQ(run_child({"sh", "-c", "head -c 1000000 /dev/zero"}, ample).out.size(), 1'000'000u);
}

TEST(Child, EndsAtTheLimitWithAllThatItStarted) {
  const ChildResult run = run_child({"sh", "-c", "sleep 1000 & wait"}, milliseconds(300));
  EXPECT_TRUE(run.timed_out);
  EXPECT_EQ(run.status, 128 + 9);
}

TEST(Child, EndsWhenItIsToldTo) {
  int asked = 0;
  const ChildResult run =
      run_child({"sh", "-c", "echo begun; sleep 1000"}, ample, {}, [&] { return ++asked > 2; });
  EXPECT_TRUE(run.stopped);
  EXPECT_FALSE(run.timed_out);
  EXPECT_EQ(run.status, 128 + 9);
}

TEST(Child, SaysWhichSignalEndedIt) {
  EXPECT_EQ(run_child({"sh", "-c", "kill -11 $$"}, ample).status, 128 + 11);
}

}  // namespace
}  // namespace peregrine
