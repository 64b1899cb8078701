// Commands and Pythons made up as shell scripts: what is measured is the machine's, what is made of it is
// ours.
#include "tools/migrate/baseline/speed.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "peregrine/error.h"
#include "support/test_data.h"
#include "tools/doctor/python.h"

namespace peregrine::migrate {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

/// What `peregrine bench --json -` prints; the precision is the one asked for.
constexpr const char* bench = R"(
precision=fp16; for word in "$@"; do [ "$last" = --precision ] && precision=$word; last=$word; done
p50=4; [ $precision = fp32 ] && p50=10
echo '{"measurements": [{"engine": "cuda", "precision": "'$precision'", "latency_ms": {"p50": '$p50',' \
    '"p90": 11, "p99": 12},'
echo '"start_up_ms": 100, "peak_rss_mib": 300, "device_mib": 50}]}')";

constexpr const char* on_cpu = R"(
echo '{"measurements": [{"engine": "openvino", "precision": "fp32",'
echo '"latency_ms": {"p50": 4, "p90": 4, "p99": 4}, "start_up_ms": 1, "peak_rss_mib": 300}]}')";

constexpr const char* versions =
    R"(echo '{"version": "3.11.2", "torch": "2.9.0", "ultralytics": "8.4.190"}')";

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
  /// Answers the look-up of packages, and does `measuring` when it is to measure: $wish is what it is told,
  /// $found the file for what it finds, where nothing is yet.
  void python(const std::string& measuring, const std::string& packages = versions) {
    request_.python = script("python", "if [ $# -eq 3 ]; then " + packages + R"sh(; exit; fi
wish=$(cat "$4"); found=$(sed 's/.*"found":"\([^"]*\)".*/\1/' "$4"); echo '[]' > "$found"
)sh" + measuring);
  }

  test::TemporaryFolder folder_;
  SpeedRequest request_;
};

TEST_F(SpeedTest, PyTorchIsTheBaselineWhereItRuns) {
  python(
      R"(echo chatter; echo '{"torch": "2.9.0", "start_ms": 5000, "memory_mb": 900,' \
    '"speeds": [{"batch": 1, "p50": 9, "p90": 9, "p99": 9}]}')");
  const SpeedComparison comparison = compare_with_baseline(request_).speed;
  ASSERT_EQ(comparison.baseline.size(), 2U);
  EXPECT_EQ(comparison.baseline[0].subject, "PyTorch 2.9.0 eager fp32");
  EXPECT_DOUBLE_EQ(comparison.baseline[0].memory_mb, 900);
  EXPECT_EQ(comparison.engine[0].subject, "cuda fp16");
  EXPECT_DOUBLE_EQ(comparison.engine[0].memory_mb, 50);
  EXPECT_DOUBLE_EQ(comparison.engine[0].images_per_second(), 250);
  EXPECT_DOUBLE_EQ(*comparison.speed_up(), 2.25);
  EXPECT_EQ(comparison.warning, "");
}

TEST_F(SpeedTest, OnACpuPyTorchRunsThereInFp32Alone) {
  request_.executable = script("peregrine", on_cpu);
  python(R"(case "$wish" in *'"device":"cpu"'*'"half":false'*) ;; *) exit 1;; esac
echo '{"torch": "2.9.0", "start_ms": 5000, "memory_mb": 900, "speeds": [{"batch": 1, "p50": 9, "p90": 9,' \
    '"p99": 9}]}')");
  const SpeedComparison comparison = compare_with_baseline(request_).speed;
  ASSERT_EQ(comparison.baseline.size(), 1U);
  EXPECT_EQ(comparison.baseline[0].subject, "PyTorch 2.9.0 eager fp32");
  EXPECT_DOUBLE_EQ(comparison.engine[0].memory_mb, 300);
}

TEST_F(SpeedTest, OnAGpuBothPrecisionsAreMeasuredAndTheFasterOneCounts) {
  python(R"(p50=9; case "$wish" in *'"half":true'*) p50=5;; esac
echo '{"torch": "2.9.0", "start_ms": 5000, "memory_mb": 900, "speeds": [{"batch": 1, "p50": '$p50',' \
    '"p90": 9, "p99": 9}]}')");
  const SpeedComparison comparison = compare_with_baseline(request_).speed;
  ASSERT_EQ(comparison.baseline.size(), 2U);
  EXPECT_EQ(comparison.baseline[1].subject, "PyTorch 2.9.0 eager fp16");
  EXPECT_DOUBLE_EQ(*comparison.speed_up(), 1.25);
  EXPECT_THAT(comparison.warning,
              HasSubstr("1.25 times as fast as PyTorch 2.9.0 eager fp16 (4.00 ms and 5.00 ms at batch 1)"));
}

TEST_F(SpeedTest, WherePyTorchsFp16FailsItsFp32Stands) {
  python(R"(case "$wish" in *'"half":true'*) echo 'RuntimeError: half' >&2; exit 1;; esac
echo '{"torch": "2.9.0", "start_ms": 5000, "memory_mb": 900, "speeds": [{"batch": 1, "p50": 9, "p90": 9,' \
    '"p99": 9}]}')");
  const SpeedComparison comparison = compare_with_baseline(request_).speed;
  ASSERT_EQ(comparison.baseline.size(), 1U);
  EXPECT_EQ(comparison.baseline[0].subject, "PyTorch 2.9.0 eager fp32");
  EXPECT_THAT(comparison.note, HasSubstr("Its FP16 could not be measured: "));
  EXPECT_THAT(comparison.note, HasSubstr("RuntimeError: half"));
}

TEST_F(SpeedTest, ABatchThatCannotBeMeasuredLeavesTheOthers) {
  request_.batches = {1, 4};
  request_.executable = script("peregrine", R"(
case "$1 $*" in bench*"--batch 4"*) echo 'error: did not pass its validation.' >&2; exit 3;; esac)" +
                                                std::string(bench));
  const SpeedComparison comparison = compare_with_baseline(request_).speed;
  ASSERT_EQ(comparison.engine.size(), 1U);
  EXPECT_EQ(comparison.engine[0].batch, 1);
  EXPECT_THAT(comparison.note, HasSubstr("Batch 4: yolo.pt could not be measured: "));
  EXPECT_THAT(comparison.note, HasSubstr("did not pass its validation."));
  EXPECT_THAT(comparison.note, Not(HasSubstr("..")));
  request_.batches = {4};
  try {
    compare_with_baseline(request_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "migration.measure");
  }
}

TEST_F(SpeedTest, EnginesAreBuiltOnTheImagesOfTheMigration) {
  const fs::path image = test::repository_file("models/demo/scenes/val2017/000000.jpg"),
                 words = folder_.path() / "words";
  request_.images = {image};
  request_.executable = script("peregrine", "[ $1 = build ] && echo \"$@\" >> " + words.native() + bench);
  compare_with_baseline(request_);
  std::string first;
  std::getline(std::ifstream(words) >> std::ws, first);
  EXPECT_THAT(first, HasSubstr("--images " + image.native()));
}

TEST_F(SpeedTest, WithoutPythonTheFp32EngineIsTheBaseline) {
  const SpeedComparison comparison = compare_with_baseline(request_).speed;
  EXPECT_EQ(comparison.baseline.front().subject, "cuda fp32");
  EXPECT_THAT(comparison.note, HasSubstr("not PyTorch: there is no "));
  EXPECT_DOUBLE_EQ(*comparison.speed_up(), 2.5);
}

TEST_F(SpeedTest, WithoutTorchTheFp32EngineIsTheBaseline) {
  request_.python =
      script("python", R"(echo '{"version": "3.11.2", "torch": "", "ultralytics": "8.4.190"}')");
  EXPECT_THAT(compare_with_baseline(request_).speed.note, HasSubstr("has no torch"));
}

TEST_F(SpeedTest, AHangingPythonIsGivenUp) {
  python("sleep 1000");
  request_.limit = std::chrono::milliseconds(500);
  const SpeedComparison comparison = compare_with_baseline(request_).speed;
  EXPECT_THAT(comparison.note, HasSubstr("was not done after 0.5 s"));
  EXPECT_EQ(comparison.baseline.front().subject, "cuda fp32");
}

TEST_F(SpeedTest, AFailingPythonIsQuoted) {
  python("echo 'Traceback' >&2; echo 'RuntimeError: no kernel image' >&2; exit 1");
  EXPECT_THAT(compare_with_baseline(request_).speed.note,
              HasSubstr("ended with status 1: RuntimeError: no kernel image"));
}

/// A person as Ultralytics has it, shifted and blurred as asked, its keypoint where asked.
std::string person(double shift, double confidence, double point = 50) {
  return fmt::format(R"({{"class": 0, "confidence": {1}, "box": [{0}, 100, 200, 300],
"keypoints": [[{2}, 60, 0.9]], "mask": [0, 204800, 204800]}})",
                     100 + shift, confidence, point);
}
/// What a network finds on one image of 640x640.
std::string finds(const std::string& ran, const std::string& object, const std::string& candidates,
                  const std::string& unsuppressed = "null") {
  return fmt::format(R"(echo '[{{"ran": "{}", "image": [640, 640], "input": [640, 640], "objects": [{}],
"candidates": {}, "unsuppressed": {}}}]' > "$found"
)",
                     ran, object, candidates, unsuppressed);
}
std::string one_person(const std::string& ran, double shift, double confidence,
                       const std::string& candidates) {
  return finds(ran, person(shift, confidence), candidates);
}
constexpr const char* one_speed =
    R"(echo '{"torch": "2.9.0", "start_ms": 5000, "memory_mb": 900, "speeds": [{"batch": 1, "p50": 9,' \
    '"p90": 9, "p99": 9}]}')";

class OwnFp16 : public SpeedTest {
 protected:
  /// In FP32 one person; in FP16 what `half` says.
  PyTorchAccuracy with(const std::string& half) {
    python("case \"$wish\" in *'\"half\":true'*)\n" + half + ";;\n*)\n" +
           one_person("float32", 0, 0.8, "[]") + ";; esac\n" + one_speed);
    request_.model_info.task = Task::detect;
    return compare_with_baseline(request_).pytorch;
  }
  static double value(const PyTorchAccuracy& accuracy, const std::string& name) {
    const auto found = std::ranges::find(accuracy.checks, name, &Measure::name);
    return found == accuracy.checks.end() ? -1 : found->value;
  }
};

TEST_F(OwnFp16, IsComparedWithItsOwnFp32WithinOurLimits) {
  const PyTorchAccuracy accuracy = with(one_person("float16", 0.5, 0.79, "[]"));
  EXPECT_EQ(accuracy.subject, "PyTorch 2.9.0 eager fp16");
  EXPECT_THAT(accuracy.note, HasSubstr("beside its own FP32: 1 objects on 1 images"));
  EXPECT_EQ(value(accuracy, "objects found again, share"), 1);
  EXPECT_NEAR(value(accuracy, "box of those found, pixels"), 0.5, 1e-4);
  EXPECT_NEAR(value(accuracy, "their confidence"), 0.01, 1e-4);
  EXPECT_TRUE(accuracy.mismatches.empty());
}

TEST_F(OwnFp16, AnObjectThatDeviatesIsATieWhereItWasRightBeforeNms) {
  const PyTorchAccuracy tie = with(one_person("float16", 9, 0.8, "[[100, 100, 200, 300, 0.8, 0]]"));
  EXPECT_EQ(value(tie, "objects found again, share"), 0);
  EXPECT_EQ(value(tie, "objects right before NMS, share"), 1);
  ASSERT_EQ(tie.mismatches.size(), 1u);
  EXPECT_THAT(tie.mismatches.front(), HasSubstr("NMS tie"));
  const PyTorchAccuracy wrong = with(one_person("float16", 9, 0.8, "[[100, 100, 200, 300, 0.8, 7]]"));
  EXPECT_EQ(value(wrong, "objects right before NMS, share"), 0);
}

TEST_F(OwnFp16, WithoutCandidatesThatShareIsMissingAndSaid) {
  const PyTorchAccuracy accuracy = with(one_person("float16", 0, 0.8, "null"));
  EXPECT_EQ(value(accuracy, "objects found again, share"), 1);
  EXPECT_EQ(value(accuracy, "objects right before NMS, share"), -1);
  EXPECT_THAT(accuracy.note, HasSubstr("that share is missing"));
}

TEST_F(OwnFp16, WhatReallyRanIsLookedAt) {
  const PyTorchAccuracy accuracy = with(one_person("float32", 0, 0.8, "[]"));
  EXPECT_EQ(accuracy.subject, "");
  EXPECT_TRUE(accuracy.checks.empty());
  EXPECT_THAT(accuracy.note, HasSubstr("asked for FP16, PyTorch ran FP32"));
}

TEST_F(OwnFp16, ThatFailsIsQuoted) {
  EXPECT_THAT(with("echo 'RuntimeError: half' >&2; exit 1").note, HasSubstr("could not be measured"));
  EXPECT_THAT(with("echo '[{' > \"$found\"").note, HasSubstr("answered what cannot be read"));
}

TEST_F(OwnFp16, MasksAndKeypointsAreCompared) {
  python("case \"$wish\" in *'\"half\":true'*)\n" + one_person("float16", 0, 0.8, "[]") + ";;\n*)\n" +
         one_person("float32", 0, 0.8, "[]") + ";; esac\n" + one_speed);
  request_.model_info.task = Task::segment;
  EXPECT_EQ(value(compare_with_baseline(request_).pytorch, "their mask IoU"), 1);
  request_.model_info.task = Task::pose;
  EXPECT_EQ(value(compare_with_baseline(request_).pytorch, "their keypoints, pixels"), 0);
}

TEST_F(OwnFp16, KeypointsOfAnotherCandidateAreATieWhereTheRightOnesWereThere) {
  const std::string candidates = "[[100, 100, 200, 300, 0.8, 0]]", other = person(0, 0.8, 90),
                    right = person(0, 0.8);
  const auto with_unsuppressed = [&](const std::string& unsuppressed) {
    python("case \"$wish\" in *'\"half\":true'*'\"unsuppressed\":true'*)\n" +
           finds("float16", other, candidates, unsuppressed) + ";;\n*)\n" +
           finds("float32", right, candidates) + ";; esac\n" + one_speed);
    request_.model_info.task = Task::pose;
    return compare_with_baseline(request_).pytorch;
  };
  const PyTorchAccuracy tie = with_unsuppressed("[" + other + "," + right + "]");
  ASSERT_EQ(tie.mismatches.size(), 1u) << tie.note;
  EXPECT_THAT(tie.mismatches.front(), HasSubstr("NMS tie"));
  EXPECT_THAT(tie.note, testing::Not(HasSubstr("boxes alone")));
  const PyTorchAccuracy wrong = with_unsuppressed("[" + other + "]"), unknown = with_unsuppressed("null");
  for (const PyTorchAccuracy& accuracy : {wrong, unknown}) {
    ASSERT_EQ(accuracy.mismatches.size(), 1u) << accuracy.note;
    EXPECT_THAT(accuracy.mismatches.front(), testing::Not(HasSubstr("NMS tie")));
  }
  EXPECT_THAT(unknown.note, HasSubstr("boxes alone"));
}

TEST_F(OwnFp16, OnACpuItIsNotAvailable) {
  request_.executable = script("peregrine", on_cpu);
  python(one_person("float32", 0, 0.8, "[]") + one_speed);
  const PyTorchAccuracy accuracy = compare_with_baseline(request_).pytorch;
  EXPECT_EQ(accuracy.note, "PyTorch's own FP16: not available on this CPU.");
  EXPECT_TRUE(accuracy.checks.empty());
}

TEST_F(OwnFp16, WithoutPyTorchItIsSaidWhy) {
  EXPECT_THAT(compare_with_baseline(request_).pytorch.note, HasSubstr("was not measured: there is no "));
  request_.baseline = Baseline::fp32;
  EXPECT_THAT(compare_with_baseline(request_).pytorch.note, HasSubstr("the FP32 engine was asked for"));
}

class ReidSpeed : public SpeedTest {
 protected:
  ReidSpeed() {
    request_.model_info.task = Task::reid;
    request_.model_info.image_height = 256;
    request_.model_info.image_width = 128;
  }
  static std::string embeddings(const std::string& ran, const std::string& row) {
    return "echo '[{\"ran\": \"" + ran + "\", \"embedding\": " + row + "}]' > \"$found\"\n";
  }
};

TEST_F(ReidSpeed, NeedsTorchAlone) {
  python("case \"$wish\" in *'\"half\":true'*)\n" + embeddings("float16", "[1, 0.01]") + ";;\n*)\n" +
             embeddings("float32", "[1, 0]") + ";; esac\n" + one_speed,
         R"(echo '{"version": "3.11.2", "torch": "2.9.0", "ultralytics": ""}')");
  const BaselineComparison comparison = compare_with_baseline(request_);
  ASSERT_EQ(comparison.speed.baseline.size(), 2u) << comparison.speed.note;
  EXPECT_EQ(comparison.speed.baseline[0].subject, "PyTorch 2.9.0 eager fp32");
  EXPECT_THAT(comparison.speed.note, HasSubstr("from decoded persons to embeddings"));
  const auto cosine =
      std::ranges::find(comparison.pytorch.checks, "embedding cosine of those", &Measure::name);
  ASSERT_NE(cosine, comparison.pytorch.checks.end());
  EXPECT_NEAR(cosine->value, 0.99995, 1e-6);
}

TEST_F(ReidSpeed, WithoutTorchTheFp32EngineIsTheBaseline) {
  python("exit 1", R"(echo '{"version": "3.11.2", "torch": "", "ultralytics": ""}')");
  const SpeedComparison comparison = compare_with_baseline(request_).speed;
  EXPECT_EQ(comparison.baseline.front().subject, "cuda fp32");
  EXPECT_THAT(comparison.note, HasSubstr("not PyTorch"));
}

TEST_F(ReidSpeed, PersonsAreStripsOfTheScenesAndBothSidesSeeTheSame) {
  request_.executable = script("peregrine", "echo \"$@\" > " + (folder_.path() / "words").string() + bench);
  python("echo \"$wish\" > " + (folder_.path() / "wish").string() + "\n" + embeddings("float32", "[1, 0]") +
         one_speed);
  compare_with_baseline(request_);
  std::ifstream file(folder_.path() / "wish");
  const auto wish = nlohmann::json::parse(file);
  EXPECT_EQ(wish.at("persons").size(), 20u);
  EXPECT_EQ(wish["persons"][0].at("width"), 128);
  EXPECT_EQ(wish["persons"][0].at("height"), 480);
  std::ifstream told(folder_.path() / "words");
  const std::string words(std::istreambuf_iterator<char>(told), {});
  std::size_t sources = 0;
  for (std::size_t at = words.find("--source"); at != std::string::npos; at = words.find("--source", at + 1))
    ++sources;
  EXPECT_EQ(sources, 20u);
}

TEST_F(SpeedTest, AnEngineBesideItselfHasNoSpeedUp) {
  request_.settings.precision = Precision::fp32;
  const SpeedComparison comparison = compare_with_baseline(request_).speed;
  EXPECT_FALSE(comparison.speed_up());
  EXPECT_THAT(comparison.note, HasSubstr("no speed-up to state"));
  EXPECT_EQ(comparison.warning, "");
}

TEST_F(SpeedTest, WhoInsistsOnPyTorchGetsAnError) {
  request_.baseline = Baseline::pytorch;
  try {
    compare_with_baseline(request_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "environment.python");
  }
}

TEST_F(SpeedTest, ABenchThatFailsIsAnError) {
  request_.executable = script("peregrine", "echo 'error: no such model' >&2; exit 3");
  try {
    compare_with_baseline(request_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "migration.measure");
    EXPECT_THAT(error.sentence(), HasSubstr("no such model"));
  }
}

}  // namespace
}  // namespace peregrine::migrate
