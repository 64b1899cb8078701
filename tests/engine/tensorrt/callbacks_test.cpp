// Which errors of a library's log reach which caller.
#include "engine/tensorrt/library/callbacks.h"

#include <gmock/gmock.h>

#include <stdexcept>
#include <thread>

namespace peregrine::tensorrt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto error = static_cast<std::int32_t>(Severity::error);

TEST(Logger, EachCallerGetsItsOwnErrorsAndThoseOfTheLibrarysThreads) {
  Logger logger(true);
  std::vector<std::string> of_other;
  logger.begin();
  logger.receive(error, "of the first caller");
  std::thread([&] {
    logger.begin();
    logger.receive(error, "of the second caller");
    std::thread([&] { logger.receive(error, "of a worker"); }).join();
    of_other = logger.reasons();
  }).join();
  EXPECT_THAT(logger.reasons(), ElementsAre("of the first caller", "of a worker"));
  EXPECT_THAT(of_other, ElementsAre("of the second caller", "of a worker"));
  logger.begin();
  EXPECT_THAT(logger.reasons(), IsEmpty());
}

TEST(Logger, WithoutAnErrorTheWarningsAreTheReasonsButForHarmlessOnes) {
  constexpr auto warning = static_cast<std::int32_t>(Severity::warning);
  Logger logger(true);
  logger.begin();
  logger.receive(warning, "CUDA initialization failure with error: 35");
  logger.receive(warning, "TensorRT does not natively support INT64. Attempting to cast down to INT32.");
  EXPECT_THAT(logger.reasons(), ElementsAre("CUDA initialization failure with error: 35"));
  logger.receive(error, "the error");
  EXPECT_THAT(logger.reasons(), ElementsAre("the error"));
}

TEST(Logger, WhoeverHasGoneLeavesItsNumberToTheLibrarysThreads) {
  Logger logger(true);
  logger.begin();
  std::thread::id gone;
  std::thread([&] {
    logger.begin();
    gone = std::this_thread::get_id();
  }).join();
  // The system soon gives the number again, to a thread that is nobody's caller.
  bool given_again = false;
  for (int i = 0; i < 100 && !given_again; ++i)
    std::thread([&] {
      given_again = std::this_thread::get_id() == gone;
      if (given_again) logger.receive(error, "of a worker");
    }).join();
  if (!given_again) GTEST_SKIP() << "skipped: this system gives no number twice";
  EXPECT_THAT(logger.reasons(), ElementsAre("of a worker"));
}

TEST(Progress, APhaseWithoutANameOrThatNeverBeganDoesNoHarm) {
  // As the library calls it: two words of language and kind, two destructors, then start, step and finish.
  std::vector<std::string> heard;
  ProgressMonitor monitor([&](double share, std::string_view what) {
    EXPECT_TRUE(share >= 0 && share <= 1);
    heard.emplace_back(what);
    return true;
  });
  void** functions = *static_cast<void***>(monitor.object());
  const auto start = reinterpret_cast<void (*)(void*, const char*, const char*, std::int32_t)>(functions[4]);
  const auto step = reinterpret_cast<bool (*)(void*, const char*, std::int32_t)>(functions[5]);
  const auto finish = reinterpret_cast<void (*)(void*, const char*)>(functions[6]);
  start(monitor.object(), "Building", nullptr, 2);
  start(monitor.object(), nullptr, "Building", 0);
  EXPECT_TRUE(step(monitor.object(), nullptr, 7));
  EXPECT_TRUE(step(monitor.object(), "Another", 0));
  finish(monitor.object(), nullptr);
  finish(monitor.object(), "Another");
  EXPECT_THAT(heard, ElementsAre("Building", "", "", ""));
}

TEST(Progress, WhatItsCallbackThrowsStopsTheBuildAndIsThrownAgain) {
  ProgressMonitor monitor([](double, std::string_view) -> bool { throw std::runtime_error("no"); });
  void** functions = *static_cast<void***>(monitor.object());
  reinterpret_cast<void (*)(void*, const char*, const char*, std::int32_t)>(functions[4])(monitor.object(),
                                                                                          "a", nullptr, 1);
  EXPECT_FALSE(
      reinterpret_cast<bool (*)(void*, const char*, std::int32_t)>(functions[5])(monitor.object(), "a", 0));
  EXPECT_TRUE(monitor.cancelled());
  EXPECT_THROW(monitor.rethrow(), std::runtime_error);
}

TEST(Logger, EchoesAreDroppedWhereTheCauseIsThere) {
  Logger logger(false);
  logger.begin();
  const char* echo = "[checkMacros.cpp::catchCudaError::250] cudaError 35";
  logger.receive(error, echo);
  EXPECT_THAT(logger.reasons(), ElementsAre(echo));
  logger.receive(error, "the cause");
  logger.receive(error, "the cause");
  logger.receive(static_cast<std::int32_t>(Severity::warning), "no error");
  logger.receive(static_cast<std::int32_t>(Severity::internal_error), "a second cause");
  EXPECT_THAT(logger.reasons(), ElementsAre("the cause", "a second cause"));
}

}  // namespace
}  // namespace peregrine::tensorrt
