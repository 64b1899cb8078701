// The move of a pipeline, from checkpoints to what predict runs without --model.
#include "migrate_fixture.h"

namespace peregrine::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

nlohmann::json steps_by_name(const std::string& json) {
  nlohmann::json steps;
  const auto report = nlohmann::json::parse(json);
  for (const auto& step : report.at("steps")) steps[step.at("name")] = step.at("verdict");
  return steps;
}

TEST_F(MigrateCommand, MovesAPipelineAndTheSecondTimeRepeatsNothing) {
  const Words all{"migrate",
                  "--detect",
                  demo("demo-detect.pt"),
                  "--pose",
                  demo("demo-pose.pt"),
                  "--segment",
                  demo("demo-segment.pt"),
                  "--reid",
                  demo("demo-reid.pth"),
                  "--yes",
                  "--baseline",
                  "none"};
  EXPECT_THAT(run({"predict", "--source", image_}).err, HasSubstr("migrate"));
  Words first = all;
  first.insert(first.end(), {"--report", "report.html", "--json", "report.json"});
  const CommandResult moved = run(first);
  ASSERT_EQ(moved.status, 0) << moved.out << moved.err;
  EXPECT_THAT(moved.out,
              AllOf(HasSubstr("[1/10] environment"), HasSubstr("[9/10] switch"), HasSubstr("deployment 1")));

  const auto served = run({"predict", "--source", image_, "--json", "-"});
  ASSERT_EQ(served.status, 0) << served.err;
  const auto json = nlohmann::json::parse(served.out);
  EXPECT_EQ(json.at("precision"), "fp32");
  std::map<std::string, int> tasks;
  bool embedded = false;
  for (const auto& object : json.at("images").at(0).at("objects")) {
    ++tasks[object.at("task")];
    embedded |= object.contains("embedding");
  }
  EXPECT_EQ(tasks.size(), 3u);
  EXPECT_TRUE(embedded);

  const auto before = tree();
  Words second = all;
  second.insert(second.end(), {"--json", "-"});
  const CommandResult again = run(second);
  ASSERT_EQ(again.status, 0) << again.err;
  const auto steps = steps_by_name(again.out);
  for (const char* step : {"models", "backup", "export", "build", "validate", "switch"})
    EXPECT_EQ(steps.at(step), "still valid") << step;
  EXPECT_EQ(tree(), before);

  std::ifstream page(folder_.path() / "report.html");
  const std::string html(std::istreambuf_iterator<char>(page), {});
  EXPECT_THAT(html, AllOf(HasSubstr("Migrated: 4 models are deployed"), HasSubstr("demo-segment.pt"),
                          HasSubstr("OSNet")));
}

TEST_F(MigrateCommand, ComparesSpeedLayersAndPrecisionOnce) {
  // Not the reference itself, wherever this runs; --unverified: there may be no bf16 here.
  const Words words = migrate({"--precision", "bf16", "--unverified", "--baseline", "fp32", "--data",
                               demo("scenes"), "--json", "-", "--report", "page.html"});
  const CommandResult first = run(words);
  ASSERT_EQ(first.status, 0) << first.err;
  EXPECT_THAT(first.err, AllOf(HasSubstr("average precision"), HasSubstr("lost "), HasSubstr(" ± "),
                               HasSubstr("95 %: ")));
  const auto model = nlohmann::json::parse(first.out).at("models").at(0);
  EXPECT_EQ(model.at("speed").at("engine").size(), 2u);
  EXPECT_EQ(model.at("speed").at("baseline").at(0).at("subject"), "openvino fp32");
  EXPECT_GT(model.at("layers").size(), 20u);
  EXPECT_EQ(model.at("average_precision").at(0).at("metric"), "bbox");
  EXPECT_GT(model.at("average_precision").at(0).at("before"), 0.5);
  const auto noise = model.at("average_precision").at(0).at("noise");
  EXPECT_GE(noise.at("standard_error"), 0);
  EXPECT_LE(noise.at("low"), noise.at("high"));
  EXPECT_EQ(noise.at("pictures"), 8);
  EXPECT_THAT(model.at("pytorch_fp16").at("note"),
              HasSubstr("was not measured: the FP32 engine was asked for"));
  const auto& checks = model.at("checks");
  const auto drop = std::ranges::find_if(
      checks, [](const nlohmann::json& check) { return check.at("name") == "average precision lost, bbox"; });
  ASSERT_NE(drop, checks.end());
  EXPECT_DOUBLE_EQ(drop->at("limit").get<double>(), 0.005f) << "whatever the precision";
  std::ifstream page(folder_.path() / "page.html");
  const std::string html(std::istreambuf_iterator<char>(page), {});
  EXPECT_THAT(html, AllOf(HasSubstr("Speed and memory"), HasSubstr("<svg"),
                          HasSubstr("data:image/jpeg;base64"), HasSubstr("To see it again")));

  const CommandResult again = run(words);
  EXPECT_EQ(nlohmann::json::parse(again.out).at("models").at(0), model);
}

TEST_F(MigrateCommand, AReducedPrecisionThatTheCpuHasNotIsAResultAndNoPass) {
  for (const std::string precision : {"bf16", "fp16"}) {
    const CommandResult moved = run(migrate({"--precision", precision, "--json", "report.json"}));
    std::ifstream file(folder_.path() / "report.json");
    const auto model = nlohmann::json::parse(file).at("models").at(0);
    if (model.at("precision") ==
        precision) {  // this CPU has it: the limits of a CPU are what it is validated against
      for (const auto& check : model.at("checks")) {
        if (check.at("name") == "box of those found, pixels") {
          EXPECT_EQ(check.at("limit"), 5);
        }
      }
      continue;
    }
    EXPECT_EQ(moved.status, 1) << moved.out;
    EXPECT_THAT(moved.out, AllOf(HasSubstr(precision + " is not available on this CPU"),
                                 HasSubstr("Nothing was switched over")));
    EXPECT_THAT(model.at("validation"), HasSubstr("not available on this CPU"));
    EXPECT_EQ(state().at("current").at("generation"), 0);
  }
}

TEST_F(MigrateCommand, ReidHasASpeedRow) {
  const CommandResult moved =
      run({"migrate", "--reid", demo("demo-reid.pth"), "--yes", "--baseline", "fp32", "--json", "-"});
  ASSERT_EQ(moved.status, 0) << moved.err;
  const auto speed = nlohmann::json::parse(moved.out).at("models").at(0).at("speed");
  for (const char* side : {"engine", "baseline"}) {
    ASSERT_EQ(speed.at(side).size(), 2u) << speed.at("note");
    EXPECT_EQ(speed[side][1].at("batch"), 16);
    EXPECT_GT(speed[side][1].at("latency_ms").at("p50"), 0);
    EXPECT_GT(speed[side][1].at("pictures_per_second"), 0);
    EXPECT_GT(speed[side][1].at("start_ms"), 0);
    EXPECT_GT(speed[side][1].at("memory_mib"), 0);
  }
}

TEST_F(MigrateCommand, EnginesOfTensorRtRtxAreBuiltBesideAndNotSwitchedIn) {
  const CommandResult moved = run(migrate({"--json", "-"}));
  ASSERT_EQ(moved.status, 0) << moved.err;
  const auto extras = nlohmann::json::parse(moved.out).at("extras");
  if (extras.empty()) GTEST_SKIP() << "skipped: no TensorRT-RTX that builds here";
  EXPECT_EQ(extras.at(0).at("state"), "built, not run");
  const std::string serving = state().at("current").at("roles").at("detect").at("engine");
  EXPECT_NE(extras.at(0).at("engine_id"), serving);
  EXPECT_EQ(run({"predict", "--source", image_}).status, 0);
}

TEST_F(MigrateCommand, ValidateOnlyChangesNothing) {
  const auto nothing = tree();
  const CommandResult fresh = run(migrate({"--validate-only"}));
  EXPECT_EQ(fresh.status, 0) << fresh.err;
  EXPECT_THAT(fresh.out, HasSubstr("none built yet"));
  EXPECT_EQ(tree(), nothing);

  ASSERT_EQ(run(migrate()).status, 0);
  const auto migrated = tree();
  const CommandResult whole = run(migrate({"--validate-only"}));
  EXPECT_EQ(whole.status, 0) << whole.err;
  EXPECT_THAT(whole.out, HasSubstr("whole and validated"));
  EXPECT_EQ(tree(), migrated);

  for (const auto& entry : std::filesystem::recursive_directory_iterator(store_ / "engines"))
    if (entry.path().extension() == ".bin") std::fstream(entry.path(), std::ios::in | std::ios::out).put('!');
  const auto damaged = tree();
  const CommandResult bad = run(migrate({"--validate-only"}));
  EXPECT_EQ(bad.status, 1) << bad.out;
  EXPECT_THAT(bad.out, AllOf(HasSubstr("digest"), HasSubstr("--force-rebuild")));
  EXPECT_EQ(tree(), damaged);
}

TEST_F(MigrateCommand, WithoutAGpuTheStartUpEnforcementSpeaks) {
  const CommandResult refused =
      run_command({"migrate", "--detect", demo("demo-detect.pt"), "--store", store_.string()}, ".", "",
                  [] { setenv("CUDA_VISIBLE_DEVICES", "", 1); });
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.out,
              AllOf(HasSubstr("FORCE_GPU_ONLY enabled but CUDA not available"), HasSubstr("skipped")));
  EXPECT_FALSE(std::filesystem::exists(store_));
}

TEST_F(MigrateCommand, WrongUsageIsTwo) {
  const CommandResult none = run({"migrate"});
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(none.err, AllOf(HasSubstr("No model is named"), HasSubstr("--detect")));
  const CommandResult wrong = run({"migrate", "--pose", demo("demo-detect.pt")});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.out,
              AllOf(HasSubstr("is a detect model, but was given for pose"), HasSubstr("--detect")));
  EXPECT_EQ(run({"migrate", "--validate-only", "--force-rebuild"}).status, 2);
  EXPECT_THAT(run(migrate({"--report", "nowhere/page.html"})).err, HasSubstr("no folder"));
  EXPECT_EQ(run({"migrate", "--rollback", "--list-backups"}).status, 2);
  EXPECT_FALSE(std::filesystem::exists(store_ / "engines" / "current"));
}

TEST_F(MigrateCommand, RollsBack) {
  EXPECT_THAT(run({"migrate", "--list-backups"}).out, HasSubstr("no backups yet"));
  EXPECT_EQ(run({"migrate", "--rollback"}).status, 3);
  ASSERT_EQ(run(migrate()).status, 0);
  const auto first = state().at("current").at("roles");
  Words fp32{"migrate", "--detect", demo("demo-detect.pt"), "--yes", "--baseline", "none"};
  ASSERT_EQ(run(fp32).status, 0);
  ASSERT_NE(state().at("current").at("roles"), first);
  EXPECT_THAT(run({"migrate", "--list-backups"}).out,
              AllOf(HasSubstr("backup 2"), HasSubstr("backup 1"), HasSubstr("demo-detect.pt")));

  const CommandResult back = run({"migrate", "--rollback"});
  ASSERT_EQ(back.status, 0) << back.err;
  EXPECT_THAT(back.out, HasSubstr("Backup 2"));
  EXPECT_EQ(state().at("current").at("roles"), first);
  EXPECT_EQ(run({"predict", "--source", image_}).status, 0);
  ASSERT_EQ(run({"migrate", "--rollback", "1"}).status, 0);
  EXPECT_TRUE(state().at("current").at("roles").empty());
  const CommandResult none = run({"migrate", "--rollback", "9"});
  EXPECT_EQ(none.status, 3);
}

TEST_F(MigrateCommand, ForceRebuildKeepsTheOldUntilTheNewIsValidated) {
  ASSERT_EQ(run(migrate()).status, 0);
  const auto before = tree();
  const CommandResult failed =
      run(migrate({"--force-rebuild"}), "", [] { setenv("PEREGRINE_LIMITS_SHARE_AFTER_NMS", "1.5", 1); });
  EXPECT_EQ(failed.status, 2) << failed.out;  // no share is above one
  const CommandResult deviated =
      run(migrate({"--force-rebuild"}), "", [] { setenv("PEREGRINE_LIMITS_BOX_PX", "0", 1); });
  EXPECT_EQ(deviated.status, 1) << deviated.out << deviated.err;
  EXPECT_THAT(deviated.out, HasSubstr("The old one stays"));
  EXPECT_EQ(run({"predict", "--source", image_}).status, 0);
  const std::string id = state().at("current").at("roles").at("detect").at("engine");
  const std::string manifest = (store_ / "engines" / id / "manifest.json").string();
  EXPECT_EQ(tree().at(manifest), before.at(manifest));

  const CommandResult rebuilt = run(migrate({"--force-rebuild"}));
  EXPECT_EQ(rebuilt.status, 0) << rebuilt.out;
  EXPECT_NE(tree().at(manifest), before.at(manifest));
  EXPECT_THAT(run(migrate()).out, HasSubstr("0 built, 1 still there"));
  EXPECT_THAT(run(migrate({"--force-rebuild"})).out, HasSubstr("1 built, 0 still there"))
      << "each one is a rebuild of its own";
}

TEST_F(MigrateCommand, AFailedValidationSwitchesNothingUnlessToldTo) {
  const auto impossible = [] { setenv("PEREGRINE_LIMITS_BOX_PX", "0", 1); };
  const CommandResult failed = run(migrate(), "", impossible);
  EXPECT_EQ(failed.status, 1) << failed.out;
  EXPECT_THAT(failed.out, AllOf(HasSubstr("Nothing was switched over"), HasSubstr("failed")));
  EXPECT_EQ(state().at("current").at("generation"), 0);
  const CommandResult taken = run(migrate({"--unverified"}), "", impossible);
  EXPECT_EQ(taken.status, 0) << taken.out;
  EXPECT_EQ(state().at("current").at("roles").at("detect").at("unverified"), true);
  EXPECT_EQ(run({"predict", "--source", image_}).status, 0);
}

}  // namespace
}  // namespace peregrine::test
