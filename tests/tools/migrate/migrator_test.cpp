// Migrator over a demo model: cut short at every step and gone on with, a file that changes, a switch that is
// declined.
#include <gmock/gmock.h>

#include <fstream>

#include "engine_cache/store/files.h"
#include "engine_cache/store/store.h"
#include "peregrine/error.h"
#include "peregrine/migrate.h"
#include "support/test_data.h"
#include "tools/migrate/migration.h"
#include "tools/migrate/rollback/lock.h"

namespace peregrine::migrate {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class MigratorTest : public testing::Test {
 protected:
  MigratorTest() {
    fs::copy_file(test::repository_file("models/demo/demo-detect.pt"), model_);
    settings_.force_gpu_only = false;
    settings_.enable_tensorrt = false;
    settings_.imgsz = 160;  // validated quickly
    settings_.store = folder_.path() / "store";
    settings_.detect_model = model_;
    options_.baseline = Baseline::none;
    options_.python = "/nonexistent/python";
  }

  Report run() { return Migrator(settings_, options_).run(); }
  /// The code of the Error that run() throws.
  std::string code() {
    try {
      run();
    } catch (const Error& error) {
      return error.code();
    }
    return "none";
  }
  int deployment() const { return store::Store(settings_.store).current().number; }
  static StepResult step(const Report& report, const std::string& name) {
    return *std::ranges::find(report.steps, name, &StepResult::name);
  }

  test::TemporaryFolder folder_;
  fs::path model_ = folder_.path() / "model.pt";
  Settings settings_;
  Options options_;
};

TEST_F(MigratorTest, GoesOnWhereItWasCutShort) {
  std::vector<std::string> done;
  std::string last;
  options_.progress = [&](const Progress& at) { return at.step != last; };
  for (const char* name : {"models", "export", "build", "validate", "final inference", "switch"}) {
    last = name;
    EXPECT_EQ(code(), "interrupted") << name;
    EXPECT_EQ(deployment(), 0) << name;
  }
  options_.progress = {};
  const Report report = run();
  EXPECT_EQ(report.exit_status(), 0) << report.verdict;
  for (const char* name : {"models", "backup", "export", "build", "validate"})
    EXPECT_EQ(step(report, name).verdict, StepResult::Verdict::still_valid) << name;
  EXPECT_EQ(deployment(), 1);
}

/// A builder asks in a thread of its own, and may have to go on after the answer.
TEST_F(MigratorTest, ABuilderIsToldToStopByTheCallbacksValueAndAskedOn) {
  int told = 0;
  options_.progress = [&](const Progress& at) {
    EXPECT_EQ(at.doing, "model.pt: building 1 s");
    return ++told < 2;
  };
  Migration migration(settings_, options_);
  migration.place.step = "build";
  const auto progress = migration.progress_of(0);
  EXPECT_TRUE(progress(0.1, "building 1 s"));
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(progress(0.1, "building 1 s"));
  EXPECT_EQ(told, 3);
  EXPECT_EQ(migration.interruption().sentence(),
            "Interrupted in the step \"build\": what is deployed is as it was.");
}

TEST_F(MigratorTest, AModelFileThatChangesOnTheWayIsNotSwitchedOver) {
  for (const char* moment : {"export", "validate", "final inference"}) {
    options_.finished = [&](const StepResult& result) {
      if (result.name == moment) std::ofstream(model_, std::ios::app) << "more";
    };
    const Report report = run();
    EXPECT_EQ(report.error_code, "model.changed") << moment << report.verdict;
    EXPECT_EQ(report.exit_status(), 3);
    EXPECT_THAT(report.verdict, HasSubstr("model.pt has changed while it was migrated"));
    EXPECT_EQ(step(report, "switch").verdict,
              moment == std::string("export") ? StepResult::Verdict::skipped : StepResult::Verdict::failed);
    EXPECT_EQ(deployment(), 0);
    fs::copy_file(test::repository_file("models/demo/demo-detect.pt"), model_,
                  fs::copy_options::overwrite_existing);
  }
  options_.finished = {};
  EXPECT_TRUE(run().good()) << "the same command when the file is whole again";
}

TEST_F(MigratorTest, ADeclinedSwitchLeavesTheDeploymentAlone) {
  int asked = 0;
  options_.confirm = [&](const Report& report) {
    ++asked;
    return report.models.front().validation != "passed";
  };
  EXPECT_EQ(code(), "interrupted.declined");
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(deployment(), 0);
  options_.confirm = [](const Report&) { return true; };  // the same command again goes on from there
  const Report report = run();
  EXPECT_EQ(step(report, "build").verdict, StepResult::Verdict::still_valid);
  EXPECT_EQ(deployment(), 1);
}

TEST_F(MigratorTest, ALossOfPrecisionIsSwitchedOverAsTheHintSays) {
  options_.data = test::repository_file("models/demo/scenes");
  settings_.limits.average_precision = -0.001f;  // as if: no loss at all is one too much
  const Report refused = run();
  EXPECT_EQ(refused.error_code, "validation.precision");
  EXPECT_THAT(refused.verdict,
              HasSubstr("Nothing was switched over; --unverified lets them serve all the same."));
  EXPECT_EQ(deployment(), 0);
  options_.unverified = true;
  const Report report = run();
  EXPECT_EQ(step(report, "compare").verdict, StepResult::Verdict::warning);
  EXPECT_EQ(report.exit_status(), 0) << report.verdict;
  EXPECT_EQ(deployment(), 1);
}

TEST_F(MigratorTest, OneAtATime) {
  const store::Store store(settings_.store);
  const Lock other(store);
  EXPECT_EQ(code(), "store.busy");
  options_.validate_only = true;
  EXPECT_EQ(code(), "none");
}

TEST_F(MigratorTest, ADamagedJournalIsWrittenAnew) {
  ASSERT_TRUE(run().good());
  store::replace_file(settings_.store / "migration.json", "{");
  const Report report = run();
  EXPECT_TRUE(report.good()) << report.verdict;
  EXPECT_EQ(step(report, "export").verdict, StepResult::Verdict::passed);
  EXPECT_EQ(step(report, "build").verdict, StepResult::Verdict::still_valid);
  EXPECT_EQ(step(run(), "export").verdict, StepResult::Verdict::still_valid);
}

TEST_F(MigratorTest, AModelThatCannotBeReadIsNamed) {
  settings_.detect_model = folder_.path() / "absent.pt";
  const Report absent = run();
  EXPECT_EQ(absent.exit_status(), 3);
  EXPECT_EQ(step(absent, "models").verdict, StepResult::Verdict::failed);
  EXPECT_THAT(absent.verdict, HasSubstr("absent.pt"));
}

}  // namespace
}  // namespace peregrine::migrate
