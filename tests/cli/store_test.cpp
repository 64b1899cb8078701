// build, engines and predict on one store, as a user does it.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "command.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class StoreCommands : public testing::Test {
 protected:
  test::CommandResult run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--allow-cpu", "--engine", "openvino", "--store", root_.string()});
    return test::run_command(arguments, folder_.path().string());
  }
  std::string only_engine() const {
    return fs::directory_iterator(root_ / "engines")->path().filename().string();
  }

  test::TemporaryFolder folder_;
  fs::path root_ = folder_.path() / "store";
  std::string model_ = test::repository_file("models/demo/demo-detect.pt").string();
  std::string image_ = test::repository_file("models/demo/scenes/val2017/000000.jpg").string();
};

TEST_F(StoreCommands, FromBuildToDeployment) {
  const auto built = run({"build", model_, "--out", (folder_.path() / "copy").string()});
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_THAT(built.out, HasSubstr("verification: passed"));
  const std::string id = only_engine();
  EXPECT_THAT(run({"engines", "list"}).out, HasSubstr(id));
  EXPECT_THAT(run({"engines", "show", id.substr(0, 6)}).out, HasSubstr("demo-detect.pt"));
  EXPECT_EQ(run({"engines", "verify"}).status, 0);

  const auto first = run({"predict", "--model", model_, "--source", image_});
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_THAT(first.err, Not(HasSubstr("Building")));  // build has put it there

  EXPECT_EQ(run({"predict", "--source", image_}).status, 3);
  ASSERT_EQ(run({"engines", "use", id}).status, 0);
  const auto served = run({"predict", "--source", image_});
  EXPECT_EQ(served.status, 0) << served.err;
  EXPECT_THAT(served.out, HasSubstr("5 person"));
  EXPECT_THAT(run({"predict", "--model", (folder_.path() / "copy").string(), "--source", image_}).out,
              HasSubstr("5 person"));

  const auto kept = run({"engines", "remove", id, "--force"});
  EXPECT_EQ(kept.status, 3);
  EXPECT_THAT(kept.err, HasSubstr("engines use"));
}

TEST_F(StoreCommands, BuildTellsMachinesWhatItTellsPeople) {
  const auto first = run({"build", model_, "--json", "-"});
  ASSERT_EQ(first.status, 0) << first.err;
  const auto json = nlohmann::json::parse(first.out);
  ASSERT_EQ(json.at("engines").size(), 1U);
  const auto& engine = json["engines"][0];
  EXPECT_EQ(engine.at("id"), only_engine());
  EXPECT_EQ(engine.at("built_now"), true);
  EXPECT_EQ(engine.at("validation").at("passed"), true);
  EXPECT_GE(engine["validation"].at("checks").size(), 2U);
  EXPECT_EQ(engine["validation"].at("witness").at("verdict"), "no independent witness");
  EXPECT_THAT(run({"engines", "show", only_engine()}).out, HasSubstr("no independent witness"));
  for (const auto& check : engine["validation"]["checks"]) EXPECT_EQ(check.at("holds"), true);

  const auto second = run({"build", model_, "--json", "built.json"});
  EXPECT_THAT(second.out, HasSubstr("verification: passed"));
  EXPECT_THAT(second.out, HasSubstr("witness: no independent witness (PyTorch runs checkpoints"));
  std::ifstream file(folder_.path() / "built.json");
  EXPECT_EQ(nlohmann::json::parse(file).at("engines").at(0).at("built_now"), false);
}

TEST_F(StoreCommands, DamageIsNamed) {
  ASSERT_EQ(run({"build", model_}).status, 0);
  const fs::path folder = root_ / "engines" / only_engine();
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".bin") {
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(1000);
      file.put('!');
      file.put('?');
    }
  const auto result = run({"engines", "verify"});
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.out, HasSubstr("digest"));
  EXPECT_EQ(run({"predict", "--model", model_, "--source", image_}).status, 3);
}

TEST_F(StoreCommands, ANewerStoreIsLeftAlone) {
  fs::create_directories(root_);
  std::ofstream(root_ / "format") << "peregrine store 99\n";
  const auto result = run({"build", model_});
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, HasSubstr("newer peregrine"));
}

}  // namespace
}  // namespace peregrine
