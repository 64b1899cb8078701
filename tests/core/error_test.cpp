#include "peregrine/error.h"

#include <gtest/gtest.h>

namespace peregrine {
namespace {

TEST(Error, OneLineHoldsSentenceAndHint) {
  const Error error("image.empty", "a.jpg is empty.", "Remove it.");
  EXPECT_STREQ(error.what(), "a.jpg is empty. Remove it.");
  EXPECT_STREQ(Error("enforcement.device", "CUDA not available", "Pass --allow-cpu.").what(),
               "CUDA not available. Pass --allow-cpu.");
}

TEST(Error, ExitStatusFollowsTheFamily) {
  EXPECT_EQ(exit_status("image.truncated"), 1);
  EXPECT_EQ(exit_status("usage.option"), 2);
  EXPECT_EQ(exit_status("model.unknown"), 3);
  EXPECT_EQ(exit_status("enforcement.place"), 3);
  EXPECT_EQ(exit_status("interrupted"), 130);
}

}  // namespace
}  // namespace peregrine
