// Stores that cannot be written, disks that are full, builders that meet, Ctrl-C: one clear error each,
// nothing lost.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "command.h"
#include "faults.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class StoreFaults : public testing::Test {
 protected:
  ~StoreFaults() override { set_writable(true); }

  test::CommandResult run(std::vector<std::string> arguments, const std::string& interrupt_after = "",
                          const std::function<void()>& in_child = {}) const {
    arguments.insert(arguments.end(), {"--allow-cpu", "--engine", "openvino", "--store", root_.string()});
    return test::run_command(arguments, folder_.path().string(), interrupt_after, in_child);
  }
  /// Small images are verified quickly.
  std::vector<std::string> build(const std::string& model, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"build", demo(model), "--imgsz", "160"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static std::string demo(const std::string& name) {
    return test::repository_file("models/demo/" + name).string();
  }
  nlohmann::json state() const { return nlohmann::json::parse(run({"engines", "list", "--json"}).out); }
  std::string only_engine() const { return state().at("engines").at(0).at("id"); }
  /// Files of the store that no manifest names.
  int leftovers() const {
    int found = 0;
    for (const auto& entry : fs::recursive_directory_iterator(root_))
      found += entry.path().extension() == ".new";
    for (const auto& engine : fs::directory_iterator(root_ / "engines"))
      found += std::distance(fs::directory_iterator(engine), fs::directory_iterator()) != 2;
    return found;
  }
  void set_writable(bool writable) const {
    if (!fs::exists(root_)) return;
    const auto write = fs::perms::owner_write;
    const auto how = writable ? fs::perm_options::add : fs::perm_options::remove;
    fs::permissions(root_, write, how);
    for (const auto& entry : fs::recursive_directory_iterator(root_)) fs::permissions(entry, write, how);
  }

  test::TemporaryFolder folder_;
  fs::path root_ = folder_.path() / "store";
  std::string image_ = demo("scenes/val2017/000000.jpg");
};

TEST_F(StoreFaults, AReadOnlyStoreServesAndRefusesChanges) {
  ASSERT_EQ(run(build("demo-detect.pt")).status, 0);
  const std::string id = only_engine();
  ASSERT_EQ(run({"engines", "use", id}).status, 0);
  set_writable(false);
  const auto served = run({"predict", "--source", image_}, "", test::obey_permissions);
  EXPECT_EQ(served.status, 0) << served.err;
  const auto named = run({"predict", "--model", demo("demo-detect.pt"), "--imgsz", "160", "--source", image_},
                         "", test::obey_permissions);
  EXPECT_EQ(named.status, 0) << named.err;
  for (const auto& change :
       {build("demo-pose.pt"), {"engines", "use", id}, {"engines", "remove", id, "--force"}}) {
    const auto refused = run(change, "", test::obey_permissions);
    EXPECT_EQ(refused.status, 3) << change.front();
    EXPECT_THAT(refused.err, AllOf(HasSubstr("cannot be written: Permission denied"), HasSubstr("--store")));
  }
  EXPECT_EQ(run({"engines", "verify"}).status, 0);
}

TEST_F(StoreFaults, AFullDiskLosesNothing) {
  ASSERT_EQ(run(build("demo-detect.pt")).status, 0);
  const auto before = state();
  for (const auto& change : {build("demo-pose.pt"), build("demo-detect.pt", {"--rebuild"})}) {
    const auto refused = run(change, "", test::limit_file_size);
    EXPECT_EQ(refused.status, 3) << refused.err;
    EXPECT_THAT(refused.err, AllOf(HasSubstr("cannot be written"), HasSubstr("Free some space")));
    EXPECT_EQ(state(), before);
    EXPECT_EQ(leftovers(), 0);
  }
  EXPECT_EQ(run({"engines", "verify"}).status, 0);
}

TEST_F(StoreFaults, CtrlCEndsABuildAndLeavesNothing) {
  const auto result = run(build("demo-detect.pt"), "Building");
  EXPECT_EQ(result.status, 130) << result.err;
  EXPECT_THAT(state().at("engines"), testing::IsEmpty());
  EXPECT_TRUE(fs::is_empty(root_ / "engines"));
}

TEST_F(StoreFaults, TwoBuildersOfOneEngineBuildItOnce) {
  test::CommandResult first, second;
  std::thread other([&] { first = run(build("demo-segment.pt")); });
  second = run(build("demo-segment.pt"));
  other.join();
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(second.status, 0) << second.err;
  const auto has_built = [](const test::CommandResult& result) {
    return result.err.find("Building") != std::string::npos;
  };
  EXPECT_NE(has_built(first), has_built(second)) << first.err << second.err;
  EXPECT_EQ(state().at("engines").size(), 1u);
}

TEST_F(StoreFaults, ADamagedManifestIsNamedAndBuiltAgain) {
  ASSERT_EQ(run(build("demo-detect.pt")).status, 0);
  ASSERT_EQ(run(build("demo-pose.pt")).status, 0);
  const std::string id = only_engine();
  const fs::path file = root_ / "engines" / id / "manifest.json";
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_THAT(state().at("engines").at(0).at("damage").get<std::string>(), HasSubstr(file.string()));
  EXPECT_EQ(run({"engines", "verify"}).status, 3);
  const auto shown = run({"engines", "show", id});
  EXPECT_EQ(shown.status, 3);
  EXPECT_THAT(shown.err, AllOf(HasSubstr("damaged"), HasSubstr("Build the engine again")));
  for (const char* model : {"demo-detect.pt", "demo-pose.pt"}) EXPECT_EQ(run(build(model)).status, 0);
  EXPECT_EQ(run({"engines", "verify"}).status, 0);
}

TEST_F(StoreFaults, OneUnverifiedEngineDeployedSpeaksForItselfAlone) {
  const auto impossible = [] { setenv("PEREGRINE_LIMITS_BOX_PX", "0", 1); };
  ASSERT_EQ(run(build("demo-detect.pt")).status, 0);
  const std::string detect = only_engine();
  EXPECT_EQ(run(build("demo-pose.pt"), "", impossible).status, 1);
  const auto engines = state().at("engines");
  const std::string pose = engines.at(engines.at(0).at("id") == detect ? 1 : 0).at("id");
  EXPECT_EQ(run({"engines", "use", pose}).status, 3);
  ASSERT_EQ(run({"engines", "use", detect}).status, 0);
  ASSERT_EQ(run({"engines", "use", pose, "--unverified"}).status, 0);
  EXPECT_EQ(run({"predict", "--source", image_}).status, 0);

  EXPECT_EQ(run(build("demo-detect.pt", {"--rebuild"}), "", impossible).status,
            1);  // no longer verified: it must not serve
  const auto refused = run({"predict", "--source", image_});
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err, AllOf(HasSubstr(detect), HasSubstr("did not pass its validation"),
                                 HasSubstr("engines verify")));
  EXPECT_EQ(run({"predict", "--source", image_, "--unverified"}).status, 0);

  const auto again = run({"engines", "verify", detect, "--model", demo("demo-detect.pt")});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("intact; passed"));
  EXPECT_EQ(run({"predict", "--source", image_}).status, 0);
  EXPECT_EQ(run({"engines", "verify", detect, "--model", demo("demo-pose.pt")}).status, 2);
}

}  // namespace
}  // namespace peregrine
