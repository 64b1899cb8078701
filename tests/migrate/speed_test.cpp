// Commands and Pythons made up as shell scripts: what is measured is the machine's, what is made of it is ours.
#include "migrate/speed.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "migrate/python.h"
#include "peregrine/error.h"
#include "support/test_data.h"

namespace peregrine::migrate {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// What `peregrine bench --json -` prints; the precision is the one asked for.
constexpr const char* bench = R"(
precision=fp16; for word in "$@"; do [ "$last" = --precision ] && precision=$word; last=$word; done
p50=4; [ $precision = fp32 ] && p50=10
echo '{"measurements": [{"engine": "cuda", "precision": "'$precision'", "latency_ms": {"p50": '$p50', "p90": 11, "p99": 12},'
echo '"start_up_ms": 100, "peak_rss_mib": 300, "device_mib": 50}]}')";

constexpr const char* versions = R"(echo '{"version": "3.11.2", "torch": "2.9.0", "ultralytics": "8.4.190"}')";

class SpeedTest : public testing::Test {
 protected:
  SpeedTest() {
    request_.model = "yolo.pt";
    request_.settings.store = folder_.path() / "store";
    request_.settings.force_gpu_only = false;
    request_.batches = {1};
    request_.executable = script("peregrine", bench);
    request_.python = folder_.path() / "none";
  }
  fs::path script(const std::string& name, const std::string& text) {
    const fs::path program = folder_.path() / name;
    std::ofstream(program) << "#!/bin/sh\n" << text << "\n";
    fs::permissions(program, fs::perms::owner_all);
    return program;
  }
  /// Answers the look-up of packages, and does `measuring` when it is to measure.
  void python(const std::string& measuring) {
    request_.python = script("python", std::string("if [ $# -eq 3 ]; then ") + versions + "; exit; fi\n" + measuring);
  }

  test::TemporaryFolder folder_;
  SpeedRequest request_;
};

TEST_F(SpeedTest, PyTorchIsTheBaselineWhereItRuns) {
  python(
      R"(echo chatter; echo '{"torch": "2.9.0", "start_ms": 5000, "memory_mb": 900, "speeds": [{"batch": 1, "p50": 9, "p90": 9, "p99": 9}]}')");
  const SpeedComparison comparison = compare_speed(request_);
  ASSERT_EQ(comparison.baseline.size(), 2U);
  EXPECT_EQ(comparison.baseline[0].subject, "PyTorch 2.9.0 eager fp32");
  EXPECT_DOUBLE_EQ(comparison.baseline[0].memory_mb, 900);
  EXPECT_EQ(comparison.engine[0].subject, "cuda fp16");
  EXPECT_DOUBLE_EQ(comparison.engine[0].memory_mb, 50);
  EXPECT_DOUBLE_EQ(comparison.engine[0].pictures_per_second(), 250);
  EXPECT_DOUBLE_EQ(*comparison.speed_up(), 2.25);
  EXPECT_EQ(comparison.warning, "");
}

TEST_F(SpeedTest, OnACpuPyTorchRunsThereInFp32Alone) {
  request_.executable = script("peregrine", R"(echo '{"measurements": [{"engine": "openvino", "precision": "fp32",'
echo '"latency_ms": {"p50": 4, "p90": 4, "p99": 4}, "start_up_ms": 1, "peak_rss_mib": 300}]}')");
  python(R"(case "$4" in *'"device":"cpu"'*'"half":false'*) ;; *) exit 1;; esac
echo '{"torch": "2.9.0", "start_ms": 5000, "memory_mb": 900, "speeds": [{"batch": 1, "p50": 9, "p90": 9, "p99": 9}]}')");
  const SpeedComparison comparison = compare_speed(request_);
  ASSERT_EQ(comparison.baseline.size(), 1U);
  EXPECT_EQ(comparison.baseline[0].subject, "PyTorch 2.9.0 eager fp32");
  EXPECT_DOUBLE_EQ(comparison.engine[0].memory_mb, 300);
}

TEST_F(SpeedTest, OnAGpuBothPrecisionsAreMeasuredAndTheFasterOneCounts) {
  python(R"(p50=9; case "$4" in *'"half":true'*) p50=5;; esac
echo '{"torch": "2.9.0", "start_ms": 5000, "memory_mb": 900, "speeds": [{"batch": 1, "p50": '$p50', "p90": 9, "p99": 9}]}')");
  const SpeedComparison comparison = compare_speed(request_);
  ASSERT_EQ(comparison.baseline.size(), 2U);
  EXPECT_EQ(comparison.baseline[1].subject, "PyTorch 2.9.0 eager fp16");
  EXPECT_DOUBLE_EQ(*comparison.speed_up(), 1.25);
  EXPECT_THAT(comparison.warning, HasSubstr("1.25 times as fast as PyTorch 2.9.0 eager fp16 (4.00 ms and 5.00 ms at batch 1)"));
}

TEST_F(SpeedTest, WherePyTorchsFp16FailsItsFp32Stands) {
  python(R"(case "$4" in *'"half":true'*) echo 'RuntimeError: half' >&2; exit 1;; esac
echo '{"torch": "2.9.0", "start_ms": 5000, "memory_mb": 900, "speeds": [{"batch": 1, "p50": 9, "p90": 9, "p99": 9}]}')");
  const SpeedComparison comparison = compare_speed(request_);
  ASSERT_EQ(comparison.baseline.size(), 1U);
  EXPECT_EQ(comparison.baseline[0].subject, "PyTorch 2.9.0 eager fp32");
  EXPECT_THAT(comparison.note, HasSubstr("Its FP16 could not be measured: "));
  EXPECT_THAT(comparison.note, HasSubstr("RuntimeError: half"));
}

TEST_F(SpeedTest, WithoutPythonTheFp32EngineIsTheBaseline) {
  const SpeedComparison comparison = compare_speed(request_);
  EXPECT_EQ(comparison.baseline.front().subject, "cuda fp32");
  EXPECT_THAT(comparison.note, HasSubstr("not PyTorch: there is no "));
  EXPECT_DOUBLE_EQ(*comparison.speed_up(), 2.5);
}

TEST_F(SpeedTest, WithoutTorchTheFp32EngineIsTheBaseline) {
  request_.python = script("python", R"(echo '{"version": "3.11.2", "torch": "", "ultralytics": "8.4.190"}')");
  EXPECT_THAT(compare_speed(request_).note, HasSubstr("has no torch"));
}

TEST_F(SpeedTest, AHangingPythonIsGivenUp) {
  python("sleep 1000");
  request_.limit = std::chrono::milliseconds(500);
  const SpeedComparison comparison = compare_speed(request_);
  EXPECT_THAT(comparison.note, HasSubstr("was not done after 0.5 s"));
  EXPECT_EQ(comparison.baseline.front().subject, "cuda fp32");
}

TEST_F(SpeedTest, AFailingPythonIsQuoted) {
  python("echo 'Traceback' >&2; echo 'RuntimeError: no kernel image' >&2; exit 1");
  EXPECT_THAT(compare_speed(request_).note, HasSubstr("ended with status 1: RuntimeError: no kernel image"));
}

TEST_F(SpeedTest, ReidHasNoPyTorchBaseline) {
  python("exit 1");
  request_.task = Task::reid;
  EXPECT_THAT(compare_speed(request_).note, HasSubstr("Ultralytics does not run ReID checkpoints"));
}

TEST_F(SpeedTest, AnEngineBesideItselfHasNoSpeedUp) {
  request_.settings.precision = Precision::fp32;
  const SpeedComparison comparison = compare_speed(request_);
  EXPECT_FALSE(comparison.speed_up());
  EXPECT_THAT(comparison.note, HasSubstr("no speed-up to state"));
  EXPECT_EQ(comparison.warning, "");
}

TEST_F(SpeedTest, WhoInsistsOnPyTorchGetsAnError) {
  request_.baseline = Baseline::pytorch;
  try {
    compare_speed(request_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "environment.python");
  }
}

TEST_F(SpeedTest, ABenchThatFailsIsAnError) {
  request_.executable = script("peregrine", "echo 'error: no such model' >&2; exit 3");
  try {
    compare_speed(request_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "migration.measure");
    EXPECT_THAT(error.sentence(), HasSubstr("no such model"));
  }
}

TEST_F(SpeedTest, TheUsersOwnPyTorchIsMeasured) {
  const char* program = std::getenv("PEREGRINE_TEST_PYTHON");
  const FoundPython found = find_python(program ? program : "", std::chrono::seconds(60));
  if (!found.usable()) GTEST_SKIP() << "no Python with torch and ultralytics (set PEREGRINE_TEST_PYTHON): " << found.why;
  request_.python = found.program;
  request_.executable = script("peregrine", R"(echo '{"measurements": [{"engine": "openvino", "precision": "fp32",'
echo '"latency_ms": {"p50": 4, "p90": 4, "p99": 4}, "start_up_ms": 1, "peak_rss_mib": 300}]}')");
  request_.model = test::repository_file("models/demo/demo-detect.pt");
  request_.settings.imgsz = 160;
  request_.runs = 2;
  request_.batches = {1, 2};
  const SpeedComparison comparison = compare_speed(request_);
  ASSERT_EQ(comparison.baseline.size(), 2U) << comparison.note;
  EXPECT_THAT(comparison.baseline[0].subject, HasSubstr("PyTorch"));
  EXPECT_GT(comparison.baseline[0].p50_ms, 0);
  EXPECT_GT(comparison.baseline[0].start_ms, comparison.baseline[0].p50_ms);
  EXPECT_GT(comparison.baseline[0].memory_mb, 50);
  EXPECT_EQ(comparison.baseline[1].batch, 2);
}

}  // namespace
}  // namespace peregrine::migrate
