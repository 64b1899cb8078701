#include "tools/doctor/environment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/test_data.h"
#include "tools/doctor/libraries.h"

namespace peregrine::doctor {
namespace {

namespace fs = std::filesystem;
using Standing = EnvironmentRow::Standing;

class EnvironmentTest : public ::testing::Test {
 protected:
  EnvironmentTest() {
    settings_.store = folder_.path() / "a" / "store";
    settings_.force_gpu_only = false;
    needs_.python = folder_.path() / "no-python";
  }
  EnvironmentRow row(const std::string& name) {
    const auto rows = check_environment(settings_, needs_).rows;
    const auto found = std::ranges::find(rows, name, &EnvironmentRow::name);
    return found == rows.end() ? EnvironmentRow{"no such row", {}, {}, {}, Standing::bad} : *found;
  }
  test::TemporaryFolder folder_;
  Settings settings_;
  EnvironmentNeeds needs_;
};

TEST_F(EnvironmentTest, ChangesNothing) {
  check_environment(settings_, needs_);
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

#if PEREGRINE_OPENVINO
TEST_F(EnvironmentTest, TheCpuNeedsNoGpu) {
  EXPECT_EQ(complaint(check_environment(settings_, needs_).rows), "");
}
#else
TEST_F(EnvironmentTest, ABuildWithoutACpuEngineSaysSo) { EXPECT_EQ(row("OpenVINO").standing, Standing::bad); }
#endif

TEST_F(EnvironmentTest, PythonIsOptional) {
  EXPECT_EQ(row("Python").standing, Standing::absent);
  EXPECT_NE(row("Python").remedy, "");
}

TEST_F(EnvironmentTest, DiskAndMemoryAreComparedWithTheEstimate) {
  EXPECT_EQ(row("disk").standing, Standing::good);
  EXPECT_EQ(row("memory").standing, Standing::good);
  needs_.disk_bytes = needs_.host_bytes = std::uint64_t{1} << 60;
  EXPECT_EQ(row("disk").standing, Standing::bad);
  EXPECT_EQ(row("memory").standing, Standing::bad);
}

TEST_F(EnvironmentTest, LargerModelsNeedMore) {
  const std::array<std::uintmax_t, 1> small{1'000'000};
  const std::array<std::uintmax_t, 2> large{1'000'000, 50'000'000};
  EXPECT_LT(needs_of(small).disk_bytes, needs_of(large).disk_bytes);
  EXPECT_LT(needs_of(small).host_bytes, needs_of(large).host_bytes);
  EXPECT_LT(needs_of(small).gpu_bytes, needs_of(large).gpu_bytes);
}

TEST_F(EnvironmentTest, AStoreBelowAFileCannotBeWritten) {
  EXPECT_EQ(row("store").standing, Standing::good);
  std::ofstream(folder_.path() / "a") << "a file";
  EXPECT_EQ(row("store").standing, Standing::bad);
}

TEST_F(EnvironmentTest, ComplaintNamesOnlyWhatIsBad) {
  const std::array rows{EnvironmentRow{"one", "1", "1", "", Standing::good},
                        EnvironmentRow{"two", "1", "2", "", Standing::bad},
                        EnvironmentRow{"three", "none", "3", "", Standing::absent}};
  EXPECT_EQ(complaint(rows), "two: 1, needed: 2");
}

TEST_F(EnvironmentTest, TextAndJsonSayTheSame) {
  const std::array rows{EnvironmentRow{"thing", "1", "2", "buy one", Standing::bad}};
  EXPECT_EQ(to_text(rows), "BAD thing  1  needed: 2\n           to mend: buy one\n");
  EXPECT_EQ(to_json(rows).dump(),
            R"([{"name":"thing","found":"1","needed":"2","standing":"bad","remedy":"buy one"}])");
}

TEST(Kernels, RunOnTheirFamilyOnly) {
  EXPECT_TRUE(has_kernels_for("90a", 9, 0));
  EXPECT_FALSE(has_kernels_for("90a", 9, 1));
  EXPECT_FALSE(has_kernels_for("90a", 10, 0));
  EXPECT_TRUE(has_kernels_for("80 90a", 8, 9));
  EXPECT_FALSE(has_kernels_for("86 90a", 8, 0));
  EXPECT_FALSE(has_kernels_for("", 9, 0));
}

}  // namespace
}  // namespace peregrine::doctor
