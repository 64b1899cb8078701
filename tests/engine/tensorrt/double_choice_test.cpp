// Which engine serves where TensorRT's doubles are found, usable or not, and what `selftest` says of one. The
// GPU's refusal is a remembered one: what a probe on such a machine would have kept.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/log.h"
#include "engine/tensorrt/probe/probe.h"
#include "engine_cache/engine_context.h"
#include "peregrine/error.h"
#include "support/fake_cuda.h"
#include "support/test_data.h"
#include "tools/doctor/selftest.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* words = "Target GPU SM 90 is not supported by this TensorRT release.";

class EngineSelection : public ::testing::Test {
 protected:
  void SetUp() override {
    log::set_sink([this](log::Level level, std::string_view message) {
      if (level == log::Level::info) said_.emplace_back(message);
    });
    settings_.store = memory_.path();
  }
  void TearDown() override { log::set_sink({}); }

  void use(const char* folder) { settings_.tensorrt = fs::path(PEREGRINE_DOUBLES) / folder; }
  std::string chosen(const std::string& engine) const {
    try {
      return engine_cache::choose_engine(settings_, engine).builder->name();
    } catch (const Error& error) {
      return error.code() + ": " + error.what();
    }
  }
  int lines_about(const std::string& text) const {
    return static_cast<int>(std::ranges::count_if(
        said_, [&](const std::string& line) { return line.find(text) != std::string::npos; }));
  }
  /// Runs `work` while what is remembered of the library says that the GPU is refused.
  void where_the_gpu_is_refused(const std::function<void()>& work) {
    (void)chosen("auto");  // probes, and remembers
    const fs::path file = memory_.path() / "tensorrt" / "probes.json";
    const auto known = nlohmann::json::parse(std::ifstream(file));
    auto refused = known;
    for (auto& result : refused["results"])
      result = tensorrt::to_line({.failure = {}, .gpu = true, .refusal = words});
    std::ofstream(file) << refused;
    said_.clear();
    work();
    std::ofstream(file) << known;
    (void)chosen("auto");  // reads it, for the tests that follow in this process
  }

  test::FakeCuda cuda_;
  test::TemporaryFolder memory_;
  Settings settings_;
  std::vector<std::string> said_;
};

TEST_F(EngineSelection, AutoTakesTensorRtWhereItIsUsable) {
  use("run11");
  EXPECT_EQ(chosen("auto"), "tensorrt");
  use("run_rtx");
  EXPECT_EQ(chosen("auto"), "tensorrt-rtx");
  EXPECT_EQ(chosen("cuda"), "cuda");
  settings_.enable_tensorrt = false;
  EXPECT_EQ(chosen("auto"), "cuda");
}

TEST_F(EngineSelection, AGpuThatTensorRtRefusesIsOneLineUnderAutoAndAnErrorByName) {
  use("run_rtx");
  where_the_gpu_is_refused([&] {
    EXPECT_EQ(chosen("auto"), "cuda");
    EXPECT_EQ(lines_about("The cuda engine runs instead of TensorRT"), 1);
    EXPECT_EQ(lines_about(words), 1);
    EXPECT_THAT(chosen("tensorrt-rtx"),
                AllOf(HasSubstr("environment.engine"), HasSubstr("cannot run on cuda:0"), HasSubstr(words)));
  });
}

TEST_F(EngineSelection, AMissingOrUnusableLibraryLikewise) {
  const std::pair<const char*, const char*> cases[] = {
      {"new", "not supported"}, {"alone", "parser is missing"}, {"both", "could not make"}};
  for (const auto& [folder, why] : cases) {
    SCOPED_TRACE(folder);
    use(folder);
    said_.clear();
    EXPECT_EQ(chosen("auto"), "cuda");
    EXPECT_EQ(lines_about("The cuda engine runs instead of TensorRT"), 1);
    EXPECT_EQ(lines_about(why), 1);
    EXPECT_THAT(chosen("tensorrt"), AllOf(HasSubstr("environment.tensorrt"), HasSubstr(why)));
  }
}

TEST_F(EngineSelection, SelftestRunsTheSuiteOverTheEngineAndNamesIt) {
  use("run10");
  std::vector<doctor::SelftestCheck> checks;
  doctor::check_engine(settings_, "tensorrt", "", [&](const doctor::SelftestCheck& check) {
    checks.push_back(check);
    return true;
  });
  ASSERT_GT(checks.size(), 100u);
  EXPECT_THAT(checks[0].note, AllOf(HasSubstr("tensorrt 10.16.1 in fp16 on "), HasSubstr("driver")));
  for (const doctor::SelftestCheck& check : checks) {
    EXPECT_EQ(check.failure, "") << check.name;
    if (!check.name.starts_with("Cast.")) {
      EXPECT_THAT(check.note, Not(HasSubstr("refused"))) << check.name;
    }
  }
}

}  // namespace
}  // namespace peregrine
