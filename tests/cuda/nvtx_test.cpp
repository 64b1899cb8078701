#include "cuda/nvtx.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/trace.h"
#include "gpu_policy/gpu_policy.h"

namespace peregrine::trace {
namespace {

TEST(Nvtx, RangesAreSentOnceTheyAreAskedForAndNotBefore) {
  if (!std::filesystem::exists(PEREGRINE_DOUBLE))
    GTEST_SKIP() << "skipped: the double of a profiler lies in the build folder";
  setenv("NVTX_INJECTION64_PATH", PEREGRINE_DOUBLE, 1);
  { const Range unheard("before"); }
  send_to_nvtx();
  send_to_nvtx();  // once is enough, twice is no more
  in_step("decode", [] { const Range inner("jpeg"); });
  void* profiler = dlopen(PEREGRINE_DOUBLE, RTLD_NOW | RTLD_NOLOAD);
  ASSERT_TRUE(profiler) << "loaded by NVTX itself";
  const auto notes = reinterpret_cast<const char* (*)()>(dlsym(profiler, "double_notes"));
  EXPECT_STREQ(notes(), "domain peregrine\npush decode\npush jpeg\npop\npop\n");
}

}  // namespace
}  // namespace peregrine::trace
