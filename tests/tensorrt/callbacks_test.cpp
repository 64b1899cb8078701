// Which errors of a library's log reach which caller.
#include "engine/tensorrt/callbacks.h"

#include <gmock/gmock.h>

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
    of_other = logger.errors();
  }).join();
  EXPECT_THAT(logger.errors(), ElementsAre("of the first caller", "of a worker"));
  EXPECT_THAT(of_other, ElementsAre("of the second caller", "of a worker"));
  logger.begin();
  EXPECT_THAT(logger.errors(), IsEmpty());
}

TEST(Logger, EchoesAreDroppedWhereTheCauseIsThere) {
  Logger logger(false);
  logger.begin();
  const char* echo = "[checkMacros.cpp::catchCudaError::250] cudaError 35";
  logger.receive(error, echo);
  EXPECT_THAT(logger.errors(), ElementsAre(echo));
  logger.receive(error, "the cause");
  logger.receive(error, "the cause");
  logger.receive(static_cast<std::int32_t>(Severity::warning), "no error");
  logger.receive(static_cast<std::int32_t>(Severity::internal_error), "a second cause");
  EXPECT_THAT(logger.errors(), ElementsAre("the cause", "a second cause"));
}

}  // namespace
}  // namespace peregrine::tensorrt
