// What goes wrong on the way of `peregrine migrate`: one clear line each, and what was deployed stays there.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "migrate_fixture.h"

namespace peregrine::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class MigrateFaults : public MigrateCommand {
 protected:
  /// A Python made up as a shell script.
  std::string python(const std::string& script) const {
    const fs::path program = folder_.path() / "python";
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(program, fs::perms::owner_all);
    return program.string();
  }
  int deployment() const { return state().at("current").at("generation"); }
};

TEST_F(MigrateFaults, CtrlCLeavesWhatIsDoneAndTheNextRunGoesOn) {
  const CommandResult stopped = run(migrate(), "validate: ");
  EXPECT_EQ(stopped.status, 130) << stopped.out;
  EXPECT_THAT(stopped.err, AllOf(HasSubstr("Interrupted in the step \"validate\""), HasSubstr("goes on")));
  EXPECT_EQ(deployment(), 0);
  const CommandResult second = run(migrate());
  EXPECT_EQ(second.status, 0) << second.out;
  EXPECT_THAT(second.out, HasSubstr("0 built, 1 still there"));
}

TEST_F(MigrateFaults, TwoAtOnceAreOneTooMany) {
  ASSERT_EQ(run(migrate()).status, 0);
  const int lock = open((store_ / "locks" / "migrate").c_str(), O_RDWR);
  ASSERT_EQ(flock(lock, LOCK_EX | LOCK_NB), 0);
  for (const Words& words : {migrate(), Words{"migrate", "--rollback"}}) {
    const CommandResult refused = run(words);
    EXPECT_EQ(refused.status, 3);
    EXPECT_THAT(refused.err, HasSubstr("Another migration is at work"));
  }
  EXPECT_EQ(run(migrate({"--validate-only"})).status, 0);
  close(lock);
  EXPECT_EQ(run(migrate()).status, 0);
}

TEST_F(MigrateFaults, AFullDiskHalfWay) {
  ASSERT_EQ(run(migrate()).status, 0);
  const auto before = state().at("current");
  const CommandResult full = run(migrate({"--pose", demo("demo-pose.pt")}), "", [] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000,
                       100'000};  // files may not grow beyond it: writing fails in the middle of a plan
    setrlimit(RLIMIT_FSIZE, &limit);
  });
  EXPECT_EQ(full.status, 3) << full.out;
  EXPECT_THAT(full.out, AllOf(HasSubstr("cannot be written"), HasSubstr("space"), HasSubstr("skipped")));
  EXPECT_EQ(state().at("current"), before);
  EXPECT_EQ(run({"predict", "--source", image_}).status, 0);
  EXPECT_EQ(run(migrate({"--pose", demo("demo-pose.pt")})).status, 0);
}

TEST_F(MigrateFaults, AReadOnlyFolder) {
  fs::permissions(folder_.path(), fs::perms::owner_write, fs::perm_options::remove);
  const CommandResult refused = run(migrate(), "", [] { prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE); });
  fs::permissions(folder_.path(), fs::perms::owner_write, fs::perm_options::add);
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.out, AllOf(HasSubstr("read-only"), HasSubstr("--store")));
  EXPECT_FALSE(fs::exists(store_));
}

TEST_F(MigrateFaults, AnUnreadableModel) {
  const std::string model = (folder_.path() / "model.pt").string();
  for (const bool there : {false, true}) {
    if (there) std::ofstream(model) << "this is no checkpoint";
    const CommandResult refused = run(migrate({}, model));
    EXPECT_EQ(refused.status, 3) << refused.out;
    EXPECT_THAT(refused.out, AllOf(HasSubstr("failed"), HasSubstr("model.pt")));
    EXPECT_EQ(deployment(), 0);
  }
  const CommandResult folder = run(migrate({}, folder_.path().string()));
  EXPECT_EQ(folder.status, 2) << folder.out;
  EXPECT_THAT(folder.out, HasSubstr("is a folder"));
}

TEST_F(MigrateFaults, APythonThatIsNotThereOrHasNoTorch) {
  const std::string bare = python(R"(echo '{"version": "3.11.2", "torch": "", "ultralytics": ""}')");
  for (const std::string& program : {std::string("/nonexistent/python"), bare}) {
    const CommandResult warned = run(migrate({"--python", program, "--baseline", "auto"}));
    EXPECT_EQ(warned.status, 0) << warned.out << warned.err;
    EXPECT_THAT(warned.out,
                AllOf(HasSubstr("warning"), HasSubstr("no comparison with PyTorch"), HasSubstr(program)));
    const CommandResult refused = run(migrate({"--python", program, "--baseline", "pytorch"}));
    EXPECT_EQ(refused.status, 3) << refused.out;
    EXPECT_THAT(refused.out, HasSubstr("--python"));
  }
}

TEST_F(MigrateFaults, APythonThatHangsIsGivenUp) {
  const auto begin = std::chrono::steady_clock::now();
  const CommandResult warned =
      run(migrate({"--python", python("sleep 600"), "--baseline", "auto", "--time-limit", "0.5"}));
  EXPECT_EQ(warned.status, 0) << warned.out << warned.err;
  EXPECT_THAT(warned.out, HasSubstr("did not answer within 0.5 s"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::minutes(5));
}

}  // namespace
}  // namespace peregrine::test
