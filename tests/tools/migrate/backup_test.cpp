// Backups: what they keep and how, what a restore puts back, and that damage, crashes and read-only media
// harm nothing.
#include "tools/migrate/rollback/backup.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "engine_cache/store/child.h"
#include "engine_cache/store/store_fixture.h"

namespace peregrine::migrate {
namespace {

namespace fs = std::filesystem;
using store::add_engine;
using store::error_of;
using store::read_text;
using store::Trust;
using store::write_text;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BackupTest : public store::StoreTest {
 protected:
  BackupTest() {
    write_text(model_, "weights");
    write_text(configuration_, "IOU = 0.6\n");
    store_.use({detect_, pose_}, Trust::verified);
  }

  Backup back_up() {
    return make_backup(store_, Lock(store_), {{Task::detect, model_, model_digest}}, configuration_);
  }
  Restored restore(std::optional<int> id = {}) { return restore_backup(store_, Lock(store_), id); }
  void migrate() { store_.use({new_detect_, new_pose_}, Trust::verified); }

  std::string serving(Task task) const {
    const auto now = store_.current();
    const auto task_slot = now.task_slots.find(task);
    return task_slot == now.task_slots.end() ? "" : task_slot->second.engine;
  }
  fs::path in_backup(int id, const fs::path& name) const {
    return root_ / "backups" / std::to_string(id) / name;
  }
  /// The plan of an engine inside a backup.
  fs::path kept_plan(int id, const std::string& engine) const {
    return in_backup(id, fs::path("engines") / engine / plan_file(store_, engine).filename());
  }

  static constexpr const char* model_digest =
      "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c";
  const fs::path model_ = folder_.path() / "model.pt", configuration_ = folder_.path() / "peregrine.toml";
  std::string detect_ = add_engine(store_, "a"), pose_ = add_engine(store_, "b", Task::pose),
              new_detect_ = add_engine(store_, "c"), new_pose_ = add_engine(store_, "d", Task::pose);
};

bool same_file(const fs::path& left, const fs::path& right) { return fs::equivalent(left, right); }

TEST_F(BackupTest, PutsBackWhatWasDeployed) {
  const Backup backup = back_up();
  EXPECT_EQ(backup.id, 1);
  EXPECT_EQ(backup.deployment.number, 1);
  migrate();
  const Restored restored = restore();
  EXPECT_EQ(restored.deployment.number, 3);
  EXPECT_EQ(serving(Task::detect), detect_);
  EXPECT_EQ(serving(Task::pose), pose_);
  EXPECT_THAT(restored.engines, IsEmpty());
  EXPECT_EQ(restore().deployment.number, 3) << "a second time changes nothing";
}

TEST_F(BackupTest, PutsBackThatNothingWasDeployed) {
  store::Store fresh(folder_.path() / "fresh");
  const std::string engine = add_engine(fresh, "a");
  make_backup(fresh, Lock(fresh), {}, {});
  fresh.use({engine}, Trust::verified);
  EXPECT_EQ(restore_backup(fresh, Lock(fresh), {}).deployment.number, 2);
  EXPECT_THAT(fresh.current().task_slots, IsEmpty());
  EXPECT_EQ(fresh.restore({}).task_slots.at(Task::detect).engine, engine) << "a rollback can be undone";
}

TEST_F(BackupTest, ATaskSlotThatCameWithTheMigrationGoesWithIt) {
  back_up();
  store_.use({add_engine(store_, "e", Task::segment)}, Trust::verified);
  restore();
  EXPECT_EQ(serving(Task::segment), "");
}

TEST_F(BackupTest, EnginesAreHardLinks) {
  back_up();
  EXPECT_TRUE(same_file(kept_plan(1, detect_), plan_file(store_, detect_)));
  EXPECT_TRUE(same_file(in_backup(1, fs::path("engines") / detect_ / "manifest.json"),
                        root_ / "engines" / detect_ / "manifest.json"));
}

TEST_F(BackupTest, EnginesAreCopiesWhereTheFileSystemHasNoLinksBetween) {
  struct Elsewhere {
    fs::path path = fs::path("/dev/shm") / ("peregrine-backup-test-" + std::to_string(::getpid()));
    ~Elsewhere() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } elsewhere;
  std::error_code error;
  fs::create_directories(elsewhere.path, error);
  struct stat here {
  }, there{};
  if (error || stat(root_.c_str(), &here) != 0 || stat(elsewhere.path.c_str(), &there) != 0 ||
      here.st_dev == there.st_dev)
    GTEST_SKIP() << "skipped: /dev/shm is no second file system here";
  fs::create_directory_symlink(elsewhere.path, root_ / "backups");
  back_up();
  EXPECT_FALSE(same_file(kept_plan(1, detect_), plan_file(store_, detect_)));
  EXPECT_EQ(read_text(kept_plan(1, detect_)), read_text(plan_file(store_, detect_)));
  migrate();
  store_.remove(detect_, true);
  EXPECT_THAT(restore().engines, ElementsAre(detect_));
  EXPECT_NO_THROW(store_.verify_integrity(detect_));
}

TEST_F(BackupTest, EnginesThatWereRemovedOrDamagedSinceComeBack) {
  back_up();
  migrate();
  const fs::path plan = plan_file(store_, pose_);
  store_.remove(detect_, true);
  fs::remove(plan);
  EXPECT_THAT(restore().engines, ElementsAre(detect_, pose_));
  for (const std::string& id : {detect_, pose_}) EXPECT_NO_THROW(store_.verify_integrity(id));
  EXPECT_EQ(serving(Task::detect), detect_);
}

TEST_F(BackupTest, AnEngineThatWasBuiltAgainSinceIsTheOldOneAgain) {
  back_up();
  const std::string before = store_.show(detect_).plan_sha256;
  store_.get_or_build(
      store::make_identity("a"), [] { return store::make_draft("rebuilt"); }, true);
  EXPECT_NE(store_.show(detect_).plan_sha256, before);
  EXPECT_THAT(restore().engines, ElementsAre(detect_));
  EXPECT_EQ(store_.show(detect_).plan_sha256, before);
  EXPECT_NO_THROW(store_.verify_integrity(detect_));
}

TEST_F(BackupTest, ARecordThatStillHoldsStaysAndOneThatFailedGoes) {
  back_up();
  store::ValidationRecord newer = store::record(0.25);
  newer.driver = "590";
  store_.record_validation(detect_, newer);
  store_.record_validation(pose_, store::record(99));
  EXPECT_THAT(restore().engines, ElementsAre(pose_));
  EXPECT_EQ(store_.show(detect_).validation->driver, "590");
  EXPECT_TRUE(store_.show(pose_).validation->passed());
}

TEST_F(BackupTest, TheConfigurationComesBackAndWhatItHadBecomeIsKept) {
  back_up();
  write_text(configuration_, "IOU = 0.9\n");
  EXPECT_THAT(restore().sentences, ::testing::Contains(HasSubstr("peregrine.toml.before-rollback")));
  EXPECT_EQ(read_text(configuration_), "IOU = 0.6\n");
  EXPECT_EQ(read_text(configuration_.native() + ".before-rollback"), "IOU = 0.9\n");
  fs::remove(configuration_);
  EXPECT_THAT(restore().sentences, ::testing::Contains(HasSubstr("was gone and is back")));
  EXPECT_EQ(read_text(configuration_), "IOU = 0.6\n");
}

TEST_F(BackupTest, AConfigurationThatCannotBeWrittenDoesNotKeepTheOldEnginesOut) {
  back_up();
  migrate();
  fs::remove(configuration_);
  fs::create_directory(configuration_);  // nobody can put a file there, not even root
  write_text(configuration_ / "file", "");
  EXPECT_THAT(restore().sentences,
              ::testing::Contains(AllOf(HasSubstr("is not put back"), HasSubstr("configuration.toml"))));
  EXPECT_EQ(serving(Task::detect), detect_);
}

TEST_F(BackupTest, ModelsThatAreOtherFilesNowAreNamed) {
  back_up();
  write_text(model_, "other weights");
  EXPECT_THAT(restore().sentences,
              ElementsAre(AllOf(HasSubstr("model.pt has changed"), HasSubstr(model_digest))));
  fs::remove(model_);
  EXPECT_THAT(restore().sentences, ElementsAre(HasSubstr("model.pt has gone")));
}

TEST_F(BackupTest, ADamagedBackupIsToldAndChangesNothing) {
  back_up();
  migrate();
  store_.remove(detect_, true);  // its plan has one name now: the store's own is not touched by what follows
  for (const fs::path& file :
       {in_backup(1, "current"), in_backup(1, "configuration.toml"), in_backup(1, "manifest.json"),
        in_backup(1, fs::path("engines") / detect_ / "manifest.json")}) {
    const std::string sound = read_text(file);
    write_text(file, sound + " ");
    if (file.filename() == "current") write_text(file, "{}");
    if (file == in_backup(1, "manifest.json")) write_text(file, "{\"format\": 1}");
    EXPECT_THAT(error_of([&] { restore(); }), AllOf(HasSubstr("store.damaged"), HasSubstr(file.native()),
                                                    HasSubstr("Nothing was changed")));
    fs::remove(file);
    EXPECT_THAT(error_of([&] { restore(1); }),
                ::testing::AnyOf(HasSubstr("store.damaged"), HasSubstr("store.backup")));
    write_text(file, sound);
  }
  EXPECT_EQ(store_.current().number, 2);
  EXPECT_EQ(serving(Task::detect), new_detect_);
  EXPECT_THAT(restore().engines, ElementsAre(detect_)) << "mended, it serves";
}

TEST_F(BackupTest, WithOneDamagedTheOthersAreListedAndServe) {
  back_up();
  migrate();
  back_up();
  write_text(in_backup(2, "manifest.json"), "{");
  const auto all = list_backups(store_);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(all[0].backup);
  EXPECT_THAT(all[1].damage, HasSubstr("backups/2/manifest.json is damaged"));
  restore(1);
  EXPECT_EQ(serving(Task::detect), detect_);
}

TEST_F(BackupTest, TheManifestIsReadAsItWasWritten) {
  const Backup made = back_up();
  const auto all = list_backups(store_);
  ASSERT_EQ(all.size(), 1u);
  const Backup& read = all[0].backup.value();
  EXPECT_EQ(read.id, made.id);
  EXPECT_EQ(read.date, made.date);
  EXPECT_EQ(read.models, made.models);
  EXPECT_EQ(read.configuration, fs::canonical(configuration_));
  EXPECT_EQ(read.files, made.files);
  EXPECT_EQ(read.files.size(), 6u) << "what is deployed, the configuration, two files of two engines";
  EXPECT_EQ(read.deployment.task_slots, made.deployment.task_slots);
}

TEST_F(BackupTest, TheSameStateIsKeptOnceUnlessItsBackupIsDamaged) {
  back_up();
  EXPECT_EQ(back_up().id, 1);
  write_text(in_backup(1, "configuration.toml"), "damaged");
  EXPECT_EQ(back_up().id, 2);
  migrate();
  EXPECT_EQ(back_up().id, 3);
  restore(2);
  EXPECT_EQ(serving(Task::detect), detect_);
}

TEST_F(BackupTest, WhatABackupThatDiedHasLeftIsNoBackupAndIsClearedAway) {
  back_up();
  write_text(root_ / "backups" / "notes.txt", "not ours");
  fs::create_directories(in_backup(2, "engines/half"));
  write_text(in_backup(2, "manifest.json.new"), "{");
  EXPECT_EQ(list_backups(store_).size(), 1u);
  EXPECT_THAT(error_of([&] { restore(2); }), AllOf(HasSubstr("store.backup"), HasSubstr("Kept are: 1.")));
  migrate();
  EXPECT_EQ(back_up().id, 2);
  EXPECT_FALSE(fs::exists(in_backup(2, "engines/half")));
  EXPECT_TRUE(fs::exists(root_ / "backups" / "notes.txt"));
}

TEST_F(BackupTest, WithoutAnyTheErrorSaysWhoMakesThem) {
  EXPECT_THAT(error_of([&] { restore(); }), AllOf(HasSubstr("store.backup"), HasSubstr("peregrine migrate")));
}

TEST_F(BackupTest, AnEngineDeployedThatIsDamagedIsNotBackedUp) {
  fs::resize_file(plan_file(store_, pose_), 10);
  EXPECT_THAT(error_of([&] { back_up(); }), HasSubstr("store.damaged"));
  EXPECT_TRUE(fs::is_empty(root_ / "backups"));
}

TEST_F(BackupTest, AWriteThatFailsHalfWayLeavesNoBackup) {
  const fs::path report = folder_.path() / "report";
  const int status = test::run_child([&] {
    std::ofstream file(report);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100, 100};  // less than the configuration that follows
    write_text(configuration_, std::string(200, '#'));
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
    const std::string error = error_of([&] { back_up(); });
    _exit(error.find("store.write") != std::string::npos ? 0 : 3);
  });
  EXPECT_EQ(status, 0);
  EXPECT_THAT(list_backups(store_), IsEmpty());
  EXPECT_TRUE(fs::is_empty(root_ / "backups"));
}

TEST_F(BackupTest, AReadOnlyStoreListsAndRefusesTheRest) {
  back_up();
  const auto all_of = [&](fs::perms folders, fs::perms files) {
    for (const auto& entry : fs::recursive_directory_iterator(root_))
      fs::permissions(entry, entry.is_directory() ? folders : files);
    fs::permissions(root_, folders);
  };
  fs::permissions(folder_.path(), fs::perms(0755));
  all_of(fs::perms(0555), fs::perms(0444));
  const int status = test::run_child([&] {
    if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
    if (list_backups(store_).size() != 1) _exit(3);
    if (error_of([&] { restore(); }).find("store.write") == std::string::npos) _exit(4);
    if (error_of([&] { back_up(); }).find("store.write") == std::string::npos) _exit(5);
  });
  all_of(fs::perms(0755), fs::perms(0644));
  EXPECT_EQ(status, 0);
}

TEST_F(BackupTest, OneAtATime) {
  const Lock lock(store_);
  EXPECT_THAT(error_of([&] { Lock second(store_); }),
              AllOf(HasSubstr("store.busy"), HasSubstr("Another migration")));
}

}  // namespace
}  // namespace peregrine::migrate
