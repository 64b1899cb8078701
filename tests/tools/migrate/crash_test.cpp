// A process dies, or something throws, at every crash point there is, each time it is reached: the old state
// or the new one is deployed, and doing the same once more completes it.
#include <gmock/gmock.h>

#include <set>

#include "core/os/crash_point.h"
#include "engine_cache/store/child.h"
#include "engine_cache/store/store_fixture.h"
#include "tools/migrate/rollback/backup.h"

namespace peregrine::migrate {
namespace {

namespace fs = std::filesystem;
using store::add_engine;
using store::Store;
using store::Trust;

/// What the journeys act on: a store with an deployed engine for detect and one for pose, its configuration
/// and a model.
struct Place {
  explicit Place(const fs::path& folder) : folder(folder), store(folder / "store") {}
  fs::path folder;
  Store store;

  void begin() {
    store::write_text(folder / "peregrine.toml", "IOU = 0.6\n");
    store.use({add_engine(store, "a"), add_engine(store, "b", Task::pose)}, Trust::verified);
  }
  void back_up() {
    make_backup(store, Lock(store), {{Task::detect, folder / "a.pt", std::string(64, 'a')}},
                folder / "peregrine.toml");
  }
  void switch_over() {
    store.use({add_engine(store, "c"), add_engine(store, "d", Task::pose)}, Trust::verified);
  }
  /// What may happen between a migration and its rollback.
  void lose_the_old() {
    store.remove(id_of(store::make_identity("a")), true);
    store.record_validation(id_of(store::make_identity("b")), store::record(99));
    store::write_text(folder / "peregrine.toml", "IOU = 0.9\n");
  }
  void roll_back() { restore_backup(store, Lock(store), {}); }
};

/// What serves, each engine whole and fit to be loaded; throws where one is not.
std::string deployment_of(const fs::path& folder) {
  const Store store(folder / "store");
  std::string text;
  for (const auto& [task, service] : store.current().task_slots) {
    store.load(service.engine, store::environment(), Trust::verified);
    text += std::string(to_string(task)) + "=" + service.engine + " ";
  }
  return text;
}

struct Journey {
  const char* name;
  std::function<void(Place&)> prepare, run;
};

std::vector<Journey> journeys() {
  return {{"migration", [](Place& place) { place.begin(); },
           [](Place& place) {
             place.back_up();
             place.switch_over();
           }},
          {"first_migration", [](Place& place) { store::write_text(place.folder / "peregrine.toml", ""); },
           [](Place& place) {
             place.back_up();
             place.switch_over();
           }},
          {"rollback",
           [](Place& place) {
             place.begin();
             place.back_up();
             place.switch_over();
             place.lose_the_old();
           },
           [](Place& place) { place.roll_back(); }},
          {"removal",
           [](Place& place) {
             place.begin();
             place.switch_over();
           },
           [](Place& place) {
             if (place.store.list().size() == 4) place.store.remove(id_of(store::make_identity("a")), true);
           }}};
}

class MigrationCrash : public ::testing::TestWithParam<Journey> {};

/// Names of the points that a journey passes, one after another.
std::vector<std::string> points_of(const Journey& journey) {
  const test::TemporaryFolder folder;
  Place place(folder.path());
  journey.prepare(place);
  std::vector<std::string> passed;
  crash_observer = [&](std::string_view name) { passed.emplace_back(name); };
  journey.run(place);
  crash_observer = nullptr;
  return passed;
}

/// Runs the journey in a child process that `blow` meets at its `fatal`th point.
int run_until(const Journey& journey, const fs::path& folder, std::size_t fatal, void (*blow)()) {
  return test::run_child([&] {
    crash_observer = [&, at = std::size_t{0}](std::string_view) mutable {
      if (at++ == fatal) blow();
    };
    Place place(folder);
    journey.run(place);
  });
}

TEST_P(MigrationCrash, LeavesTheOldStateOrTheNewOneDeployedAndCanBeDoneAgain) {
  const test::TemporaryFolder folder;
  const fs::path here = folder.path() / "here",
                 kept = folder.path() / "kept";  // one place: backups name the configuration's
  fs::create_directories(here);
  Place prepared(here);
  GetParam().prepare(prepared);
  fs::copy(here, kept, fs::copy_options::recursive);
  const auto start_again = [&] {
    fs::remove_all(here);
    fs::copy(kept, here, fs::copy_options::recursive);
  };
  const std::string before = deployment_of(here);
  GetParam().run(prepared);
  const std::string after = deployment_of(here);
  const auto die = [] { _exit(77); };
  const auto fail = [] { throw std::runtime_error("at a crash point"); };  // run_child() ends with 1 then

  const std::vector<std::string> points = points_of(GetParam());
  ASSERT_GE(points.size(), 3u);
  for (std::size_t i = 0; i < points.size(); ++i)
    for (const auto& [blow, status] : {std::pair<void (*)(), int>{die, 77}, {fail, 1}}) {
      const std::string where =
          points[i] + ", point " + std::to_string(i) + ", status " + std::to_string(status);
      start_again();
      ASSERT_EQ(run_until(GetParam(), here, i, blow), status) << where;
      const std::string now = deployment_of(here);
      EXPECT_TRUE(now == before || now == after) << where << ": " << now;
      Place place(here);
      GetParam().run(place);
      EXPECT_EQ(deployment_of(here), after) << where;
    }
}

INSTANTIATE_TEST_SUITE_P(Journeys, MigrationCrash, ::testing::ValuesIn(journeys()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(CrashPoints, EveryNameIsReached) {
  std::set<std::string_view> reached;
  for (const Journey& journey : journeys())
    for (const std::string& name : points_of(journey)) reached.insert(*std::ranges::find(crash_points, name));
  reached.insert("migrate.step");  // by MigratorDeathTest, over a model
  for (const std::string_view name : crash_points) EXPECT_TRUE(reached.contains(name)) << name;
}

}  // namespace
}  // namespace peregrine::migrate
