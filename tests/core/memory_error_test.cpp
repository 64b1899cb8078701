#include "core/memory_error.h"

#include <gtest/gtest.h>

#include <new>
#include <system_error>

namespace peregrine {
namespace {

TEST(MemoryError, IsKnownByTypeOrWords) {
  EXPECT_TRUE(is_out_of_memory(std::bad_alloc()));
  EXPECT_TRUE(
      is_out_of_memory(std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again))));
  EXPECT_TRUE(is_out_of_memory(std::runtime_error("Exception from src/core.cpp:93: std::bad_alloc")));
  EXPECT_TRUE(
      is_out_of_memory(std::runtime_error("libopenvino_intel_cpu_plugin.so: Cannot allocate memory")));
  EXPECT_TRUE(is_out_of_memory(std::runtime_error("CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED")));
  EXPECT_TRUE(speaks_of_memory("Exception from src/inference/src/dev/plugin.cpp:84:\ncan't alloc\n"));
  EXPECT_TRUE(speaks_of_memory("plugin.cpp:84:\nResource temporarily unavailable\n"));  // a thread
  EXPECT_TRUE(speaks_of_memory("x264 [error]: malloc of size 613568 failed\n"));
  EXPECT_TRUE(is_memory_exhausted(std::size_t{1} << 60));
  EXPECT_FALSE(is_memory_exhausted());
  EXPECT_FALSE(is_out_of_memory(std::system_error(std::make_error_code(std::errc::permission_denied))));
  EXPECT_FALSE(is_out_of_memory(std::runtime_error("the layout is not known")));
}

TEST(MemoryError, SaysWhatItWasForAndWhatToDo) {
  const Error error = out_of_memory("to compile the model");
  EXPECT_EQ(error.code(), "environment.memory");
  EXPECT_EQ(error.sentence(), "There is not enough memory to compile the model.");
  EXPECT_NE(error.hint().find("ulimit"), std::string::npos);
  EXPECT_EQ(exit_status(error.code()), 3);
}

}  // namespace
}  // namespace peregrine
