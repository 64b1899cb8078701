// Pythons made up as shell scripts: the probe sees only what a program prints.
#include "tools/doctor/python.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/test_data.h"

namespace peregrine::doctor {
namespace {

namespace fs = std::filesystem;

class PythonTest : public ::testing::Test {
 protected:
  FoundPython find(const std::string& script, std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    const fs::path program = folder_.path() / "python";
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(program, fs::perms::owner_all);
    return find_python(program, limit);
  }
  test::TemporaryFolder folder_;
};

TEST_F(PythonTest, WithBothPackagesServes) {
  const FoundPython found =
      find(R"(echo '{"version": "3.11.2", "torch": "2.9.0", "ultralytics": "8.4.190"}')");
  EXPECT_TRUE(found.usable()) << found.why;
  EXPECT_EQ(found.version, "3.11.2");
  EXPECT_EQ(found.torch, "2.9.0");
  EXPECT_EQ(found.ultralytics, "8.4.190");
}

TEST_F(PythonTest, WithoutTorchSaysSo) {
  const FoundPython found = find(R"(echo '{"version": "3.11.2", "torch": "", "ultralytics": "8.4.190"}')");
  EXPECT_FALSE(found.usable());
  EXPECT_TRUE(found.why.ends_with("has no torch")) << found.why;
  EXPECT_EQ(found.version, "3.11.2");
}

TEST_F(PythonTest, WithoutUltralyticsSaysSo) {
  const FoundPython found = find(R"(echo '{"version": "3.11.2", "torch": "2.9.0", "ultralytics": ""}')");
  EXPECT_TRUE(found.why.ends_with("has no ultralytics")) << found.why;
}

TEST_F(PythonTest, ThatHangsIsGivenUp) {
  const FoundPython found = find("sleep 1000", std::chrono::milliseconds(300));
  EXPECT_TRUE(found.why.ends_with("did not answer within 0.3 s")) << found.why;
}

TEST_F(PythonTest, ThatIsBrokenIsNamed) {
  EXPECT_TRUE(find("exit 7").why.ends_with("cannot run a program (exit status 7)"));
  EXPECT_TRUE(find("echo nonsense").why.ends_with("cannot run a program (exit status 0)"));
}

TEST_F(PythonTest, ThatIsMissingIsNamed) {
  const FoundPython found = find_python(folder_.path() / "no-python", std::chrono::seconds(60));
  EXPECT_TRUE(found.program.empty());
  EXPECT_TRUE(found.why.starts_with("there is no ")) << found.why;
}

TEST_F(PythonTest, TheProbeIsAProgramThatPythonRuns) {
  const FoundPython found = find_python("python3", std::chrono::seconds(60));
  if (found.program.empty()) GTEST_SKIP() << "no python3 on this machine";
  EXPECT_TRUE(found.version.starts_with("3.")) << found.why;
}

}  // namespace
}  // namespace peregrine::doctor
