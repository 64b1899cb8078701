#include "gpu_policy/transfer_log.h"

#include <gtest/gtest.h>

#include <thread>

namespace peregrine::transfer_log {
namespace {

TEST(TransferLog, RecordsByNameAndDirection) {
  const Totals before = totals(Direction::host_to_device);
  Recording recording;
  record("jpeg", Direction::host_to_device, 100);
  record("results", Direction::device_to_host, 7);
  ASSERT_EQ(recording.transfers().size(), 2u);
  EXPECT_EQ(recording.transfers()[0], (Transfer{"jpeg", Direction::host_to_device, 100}));
  EXPECT_EQ(recording.bytes(Direction::device_to_host), 7u);
  EXPECT_EQ(totals(Direction::host_to_device).bytes - before.bytes, 100u);
  EXPECT_EQ(totals(Direction::host_to_device).transfers - before.transfers, 1u);
}

TEST(TransferLog, InnerRecordingsPassOn) {
  Recording outer;
  {
    Recording inner;
    record("pixels", Direction::host_to_device, 3);
    EXPECT_EQ(inner.transfers().size(), 1u);
  }
  record("pixels", Direction::host_to_device, 4);
  EXPECT_EQ(outer.bytes(Direction::host_to_device), 7u);
}

TEST(TransferLog, WhatIsCapturedDidNotHappen) {
  const Totals before = totals(Direction::host_to_device);
  Recording outer;
  {
    Recording capture(Recording::Nested::keep_from_outer);
    record("pixels", Direction::host_to_device, 3);
    EXPECT_EQ(capture.transfers().size(), 1u);
  }
  EXPECT_TRUE(outer.transfers().empty());
  EXPECT_EQ(totals(Direction::host_to_device).bytes, before.bytes);
}

TEST(TransferLog, ThreadsDoNotSeeEachOthersTransfers) {
  Recording mine;
  std::thread([] { record("theirs", Direction::host_to_device, 1); }).join();
  EXPECT_TRUE(mine.transfers().empty());
}

}  // namespace
}  // namespace peregrine::transfer_log
