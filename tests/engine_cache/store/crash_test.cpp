// kill -9 at every change to the disk that an operation makes, and at a few random instants: the store is
// what it was before, or what it should be after, and the next operation works and clears up.
#include <gmock/gmock.h>

#include <functional>

#include "core/os/crash_point.h"
#include "engine_cache/store/child.h"
#include "engine_cache/store/store_fixture.h"

namespace peregrine::store {
namespace {

namespace fs = std::filesystem;

/// All that a user could tell two stores apart by; throws where the store is not sound.
std::string state_of(const fs::path& root) {
  const Store store(root);
  std::string text;
  for (const Listing& listing : store.list()) {
    store.verify_integrity(listing.id);
    const Manifest& manifest = listing.manifest.value();
    text += manifest.id + " " + manifest.plan_sha256 + " " +
            (manifest.validation ? verdict(*manifest.validation) : "none") + "\n";
  }
  const Deployment current = store.current();
  text += "current " + std::to_string(current.number) + ":";
  for (const auto& [task, service] : current.task_slots) {
    store.verify_integrity(service.engine);
    text += std::string(" ") + to_string(task) + "=" + service.engine;
  }
  for (const Deployment& deployment : store.deployments())
    text += " kept " + std::to_string(deployment.number);
  return text;
}

/// Files that belong to no engine and no deployment.
int leftovers(const fs::path& root) {
  int found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    found += entry.path().extension() == ".new";
  for (const auto& engine : fs::directory_iterator(root / "engines"))
    found += std::distance(fs::directory_iterator(engine), fs::directory_iterator()) != 2;
  return found;
}

struct Operation {
  const char* name;
  std::function<void(Store&)> prepare, run;
};

StagedEngine draft_of(const std::string& content) { return make_draft(content); }

std::vector<Operation> operations() {
  const auto nothing = [](Store&) {};
  const auto one_engine = [](Store& store) { add_engine(store, "a"); };
  const auto is_deployed = [](Store& store) {
    store.use({add_engine(store, "a")}, Trust::verified);
    store.use({add_engine(store, "b")}, Trust::verified);
  };
  const auto id = [](const std::string& model) { return id_of(make_identity(model)); };
  return {
      {"first_engine", nothing, [](Store& store) { add_engine(store, "a"); }},
      {"second_engine", one_engine, [](Store& store) { add_engine(store, "b"); }},
      {"rebuild", one_engine,
       [](Store& store) {
         store.get_or_build(
             make_identity(), [] { return draft_of("new"); }, true);
       }},
      {"validation", one_engine, [=](Store& store) { store.record_validation(id("a"), record(9)); }},
      {"use", is_deployed, [=](Store& store) { store.use({id("a")}, Trust::verified); }},
      {"restore", is_deployed, [](Store& store) { store.restore({}); }},
      {"remove",
       [=](Store& store) {
         is_deployed(store);
         add_engine(store, "c");
       },
       [=](Store& store) { store.remove(id("c"), false); }},
  };
}

class CrashTest : public ::testing::TestWithParam<Operation> {};

TEST_P(CrashTest, LeavesTheStoreAsItWasOrAsItShouldBe) {
  const test::TemporaryFolder folder;
  const fs::path before_root = folder.path() / "before", after_root = folder.path() / "after";
  for (const fs::path& root : {before_root, after_root}) {
    Store store(root);
    GetParam().prepare(store);
  }
  Store after_store(after_root);
  GetParam().run(after_store);
  const std::string before = state_of(before_root), after = state_of(after_root);
  fs::create_directories(before_root);

  int deaths = 0;
  for (bool finished = false; !finished; ++deaths) {
    const fs::path root = folder.path() / std::to_string(deaths);
    fs::copy(before_root, root, fs::copy_options::recursive);
    const int status = test::run_child([&] {
      crash_observer = [countdown = deaths](std::string_view) mutable {
        if (countdown-- == 0) kill(getpid(), SIGKILL);
      };
      Store store(root);
      GetParam().run(store);
    });
    finished = status == 0;
    ASSERT_TRUE(finished || status == -SIGKILL) << "step " << deaths << " ended with " << status;

    const std::string state = state_of(root);
    EXPECT_TRUE(state == before || state == after) << "after step " << deaths << ":\n" << state;
    Store store(root);
    if (state != after) GetParam().run(store);
    EXPECT_EQ(state_of(root), after) << "again after step " << deaths;
    add_engine(store, "tidy");  // the next change clears up
    EXPECT_EQ(leftovers(root), 0) << "after step " << deaths;
    fs::remove_all(root);
  }
  EXPECT_GT(deaths, 3);
}

INSTANTIATE_TEST_SUITE_P(Operations, CrashTest, ::testing::ValuesIn(operations()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(StoreTest, DeathAtAnyInstantLeavesASoundStore) {
  std::uint32_t random = 7;
  for (int round = 0; round < 10; ++round) {
    const pid_t child = test::fork_child([&] {
      for (int i = 0;; ++i) {
        Store store(root_);
        const std::string a = add_engine(store, "a"), b = add_engine(store, "b", Task::pose);
        store.get_or_build(
            make_identity("a"), [&] { return draft_of(std::to_string(i)); }, true);
        store.use(i % 2 ? std::vector{a} : std::vector{a, b}, Trust::verified);
        store.record_validation(b, record());
        if (i > 0) store.restore({});
        store.remove(add_engine(store, "c"), false);
      }
    });
    random = random * 1664525u + 1013904223u;
    usleep(1000 + (random >> 8) % 60'000);
    kill(child, SIGKILL);
    EXPECT_EQ(test::wait_for(child), -SIGKILL) << "round " << round;
    ASSERT_NO_THROW(state_of(root_)) << "round " << round;
  }
}

TEST_F(StoreTest, TwoThatWantTheSameEngineBuildItOnce) {
  test::Signal second_waits;
  const auto build = [&](const char* who) {
    return [&, who] {
      std::ofstream(folder_.path() / "builds", std::ios::app) << who;
      second_waits.wait();
      return make_draft(who);
    };
  };
  test::Signal first_builds;
  const pid_t first = test::fork_child([&] {
    Store(root_).get_or_build(make_identity(), [&] {
      first_builds.tell();
      return build("first ")();
    });
  });
  first_builds.wait();
  const pid_t second = test::fork_child([&] {
    Store(root_).get_or_build(make_identity(), build("second "), false, [&] { second_waits.tell(); });
  });
  EXPECT_EQ(test::wait_for(second), 0);
  EXPECT_EQ(test::wait_for(first), 0);
  EXPECT_EQ(read_text(folder_.path() / "builds"), "first ");
  EXPECT_EQ(store_.show(id_of(make_identity())).model.name, "first .pt");
}

TEST_F(StoreTest, WhoWaitsBuildsWhenTheOtherDies) {
  test::Signal second_waits, first_builds;
  const pid_t first = test::fork_child([&] {
    Store(root_).get_or_build(make_identity(), [&]() -> StagedEngine {
      first_builds.tell();
      second_waits.wait();
      kill(getpid(), SIGKILL);
      return {};
    });
  });
  first_builds.wait();
  const pid_t second = test::fork_child([&] {
    Store(root_).get_or_build(
        make_identity(), [] { return make_draft("second"); }, false, [&] { second_waits.tell(); });
  });
  EXPECT_EQ(test::wait_for(first), -SIGKILL);
  EXPECT_EQ(test::wait_for(second), 0);
  EXPECT_EQ(store_.show(id_of(make_identity())).model.name, "second.pt");
}

}  // namespace
}  // namespace peregrine::store
