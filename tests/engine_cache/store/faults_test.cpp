// Disks that are full or cannot be written, for real: one clear error, and the store as it was.
#include <gmock/gmock.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "engine_cache/store/child.h"
#include "engine_cache/store/store_fixture.h"

namespace peregrine::store {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class FaultTest : public StoreTest {
 protected:
  /// What `action` throws in a child process in which `limit` came first. "not permitted" where this machine
  /// does not let it.
  std::string error_in_child(const std::function<bool()>& limit, const std::function<void()>& action) const {
    const fs::path report = folder_.path() / "report";
    write_text(report, "");
    std::ofstream file(report);
    const int status = test::run_child([&] {
      const bool limited = limit();
      file << (limited ? error_of(action) : "not permitted") << std::flush;
    });
    return status == 0 ? read_text(report) : "child ended with " + std::to_string(status);
  }
};

/// Files may not grow beyond `bytes`: writing fails in the middle of a plan, as it does on a full disk.
bool limit_file_size(rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

/// Root may write anywhere: become somebody else.
bool become_nobody() {
  if (geteuid() != 0) return true;
  return setgroups(0, nullptr) == 0 && setgid(65534) == 0 && setuid(65534) == 0;
}

/// A disk of 100 kB at `root`, which only this process sees.
bool mount_tiny_disk(const fs::path& root) {
  const std::string user = std::to_string(geteuid()), group = std::to_string(getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  write_text("/proc/self/uid_map", "0 " + user + " 1");
  write_text("/proc/self/setgroups", "deny");
  write_text("/proc/self/gid_map", "0 " + group + " 1");
  fs::create_directories(root);
  return mount("tmpfs", root.c_str(), "tmpfs", 0, "size=100k") == 0;
}

TEST_F(FaultTest, AWriteThatFailsHalfWayLeavesTheStoreAsItWas) {
  const std::string id = add_engine(store_, "a");
  const auto limit = [] { return limit_file_size(100'000); };
  EXPECT_THAT(error_in_child(limit, [&] { add_engine(store_, "b"); }),
              AllOf(HasSubstr("store.write"), HasSubstr(".bin"), HasSubstr("The store is as it was")));
  EXPECT_THAT(error_in_child(limit,
                             [&] {
                               store_.get_or_build(
                                   make_identity(), [] { return make_draft("new"); }, true);
                             }),
              HasSubstr("store.write"));
  ASSERT_EQ(store_.list().size(), 1u);
  EXPECT_EQ(store_.show(id).model.name, "a.pt");
  EXPECT_NO_THROW(store_.verify_integrity(id));
  EXPECT_EQ(
      std::distance(fs::recursive_directory_iterator(root_ / "engines"), fs::recursive_directory_iterator()),
      3);
}

TEST_F(FaultTest, AFullDiskIsCalledThat) {
  const std::string error =
      error_in_child([&] { return mount_tiny_disk(root_); }, [&] { add_engine(store_, "a"); });
  if (error == "not permitted") GTEST_SKIP() << "skipped: this machine allows no mount of one's own";
  EXPECT_THAT(error,
              AllOf(HasSubstr("store.write"), HasSubstr("No space left"), HasSubstr("Free some space")));
}

TEST_F(FaultTest, AReadOnlyStoreServesAndRefusesChanges) {
  const std::string id = add_engine(store_, "a");
  store_.use({id}, Trust::verified);
  fs::permissions(folder_.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  const auto make_read_only = [&] {
    for (const auto& entry : fs::recursive_directory_iterator(root_))
      fs::permissions(entry, entry.is_directory() ? fs::perms(0555) : fs::perms(0444));
    fs::permissions(root_, fs::perms(0555));
    return become_nobody();
  };
  EXPECT_EQ(error_in_child(make_read_only,
                           [&] {
                             const Store store(root_);
                             store.load(store.current().task_slots.at(Task::detect).engine, environment(),
                                        Trust::verified);
                             if (!store.find(make_identity()).engine || store.list().size() != 1)
                               throw Error("test", "not read");
                           }),
            "no error");
  for (const std::function<void(Store&)>& change :
       std::vector<std::function<void(Store&)>>{[](Store& store) { add_engine(store, "b"); },
                                                [&](Store& store) { store.use({id}, Trust::verified); },
                                                [&](Store& store) { store.record_validation(id, record()); },
                                                [&](Store& store) { store.remove(id, true); }}) {
    EXPECT_THAT(error_in_child(become_nobody,
                               [&] {
                                 Store store(root_);
                                 change(store);
                               }),
                AllOf(HasSubstr("store.write"), HasSubstr(root_.native()), HasSubstr("--store")));
  }
  fs::permissions(root_, fs::perms::owner_all);
  for (const auto& entry : fs::recursive_directory_iterator(root_))
    fs::permissions(entry, fs::perms::owner_all);
}

TEST_F(FaultTest, AStoreThatCannotBeMadeIsNamed) {
  write_text(folder_.path() / "file", "");
  Store store(folder_.path() / "file" / "store");
  EXPECT_THAT(error_of([&] { add_engine(store, "a"); }),
              AllOf(HasSubstr("store.write"), HasSubstr("file/store")));
}

TEST_F(StoreTest, ARelativePathIsMeantFromHere) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_.path());
  Store relative("here");
  std::filesystem::current_path(before);
  const std::string id = add_engine(relative, "a");
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "here" / "engines" / id));
}

}  // namespace
}  // namespace peregrine::store
