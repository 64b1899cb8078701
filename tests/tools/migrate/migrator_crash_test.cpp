// A whole migration dies before each of its steps, and in the middle of writing: what was deployed serves,
// and the next run completes it. Suites of this name run first: engines start threads, and no process forks
// behind that.
#include <gmock/gmock.h>

#include <set>

#include "core/os/crash_point.h"
#include "engine_cache/store/child.h"
#include "engine_cache/store/store.h"
#include "peregrine/migrate.h"
#include "support/test_data.h"

namespace peregrine::migrate {
namespace {

namespace fs = std::filesystem;

/// Two input sizes, for two engines.
constexpr int small = 160, large = 192;

class MigratorDeathTest : public testing::Test {
 protected:
  Settings settings(int size) const {
    Settings settings;
    settings.force_gpu_only = false;
    settings.enable_tensorrt = false;
    settings.imgsz = size;
    settings.store = folder_.path() / "store";
    settings.detect_model = test::repository_file("models/demo/demo-detect.pt");
    return settings;
  }
  /// In a process of its own, which dies when it has passed `name` so many times. Its exit status, 77 after a
  /// death.
  int migrate(int size, std::string_view name = {}, int times = 0) const {
    return test::run_child([&] {
      crash_observer = [&](std::string_view point) {
        if (point == name && times-- == 0) _exit(77);
      };
      Options options;
      options.baseline = Baseline::none;
      options.python = "/nonexistent/python";
      _exit(Migrator(settings(size), options).run().exit_status());
    });
  }
  std::string is_deployed() const {
    const auto task_slots = store::Store(folder_.path() / "store").current().task_slots;
    return task_slots.empty() ? "nothing" : task_slots.at(Task::detect).engine;
  }

  test::TemporaryFolder folder_;
};

TEST_F(MigratorDeathTest, BeforeEachStep) {
  for (int step = 0; step < 10; ++step) {
    ASSERT_EQ(migrate(small, "migrate.step", step), 77) << step;
    EXPECT_EQ(is_deployed() == "nothing", step < 9) << step;
  }
  EXPECT_EQ(migrate(small), 0);
  const std::string old = is_deployed();
  ASSERT_EQ(migrate(large, "migrate.step", 8), 77);  // everything but the switch
  EXPECT_EQ(is_deployed(), old);
  EXPECT_EQ(migrate(large), 0);
  EXPECT_NE(is_deployed(), old);
}

TEST_F(MigratorDeathTest, WhileFilesAreWritten) {
  int deaths = 0;
  for (int file = 0; file < 20; ++file) {
    const int status = migrate(small, "file.rename", file);
    ASSERT_TRUE(status == 77 || status == 0) << file;
    deaths += status == 77;
    if (status == 0) break;  // each run begins where the one before died: there is nothing left to write
  }
  EXPECT_GE(deaths, 3);
  EXPECT_EQ(migrate(small), 0);
  EXPECT_NE(is_deployed(), "nothing");
}

TEST_F(MigratorDeathTest, AtEveryNamedPointThatAMigrationPasses) {
  ASSERT_EQ(migrate(large), 0);  // both engines are there from here on: what is left is a second or two a run
  ASSERT_EQ(migrate(small), 0);
  const std::string of_small = is_deployed();
  std::set<std::string_view> passed;
  int goal = large;
  for (const std::string_view name : crash_points) {
    const std::string old = is_deployed();
    const int status = migrate(goal, name, 0);
    ASSERT_TRUE(status == 77 || status == 0) << name;
    if (status == 77) {
      passed.insert(name);
      EXPECT_EQ(is_deployed(), old) << name << ": nothing is switched before the first of them";
      ASSERT_EQ(migrate(goal), 0) << name;
    }
    EXPECT_EQ(is_deployed() == of_small, goal == small) << name;
    goal = goal == small ? large : small;
  }
  for (const std::string_view name :
       {"migrate.step", "backup.files_kept", "service.generation_kept", "file.create", "file.write",
        "file.sync", "file.rename", "file.link", "folder.make", "folder.sync"})
    EXPECT_TRUE(passed.contains(name)) << name;
}

}  // namespace
}  // namespace peregrine::migrate
