// Hints of the engine store, each followed to its result.

#include <nlohmann/json.hpp>

#include "cli/faults.h"
#include "core/sha256.h"
#include "hints.h"

namespace peregrine::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class HintsOfStore : public Hints {
 protected:
  static std::string tiny(const std::string& name) {
    return repository_file("tests/formats/data/tiny-" + name + ".pt").string();
  }
  static Words build(const std::string& name, const Words& more = {}) {
    Words words{"build", tiny(name), "--imgsz", "64"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  fs::path root() const { return folder_.path() / "store"; }
  /// The id of the engine that `build` has just printed.
  std::string built(const Words& words) const {
    const std::string said = run(words).out;
    const std::size_t at = said.find(": engine ");
    EXPECT_NE(at, std::string::npos) << said;
    return at == std::string::npos ? "" : said.substr(at + 9, said.find(' ', at + 9) - at - 9);
  }
  void use(const Words& ids) const {
    Words words{"engines", "use", "--unverified"};
    words.insert(words.end(), ids.begin(), ids.end());
    accepted(words);
  }
  Words predict(const Words& more = {}) const {
    Words words{"predict", "--source", image_};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void damage_plan(const std::string& id) const {
    for (const auto& entry : fs::directory_iterator(root() / "engines" / id))
      if (entry.path().extension() == ".bin") {
        std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(1000);
        file.put('!').put('?');
      }
  }
};

TEST_F(HintsOfStore, AboutDamageLeadToAnEngineThatServes) {
  const std::string id = built(build("area"));
  use({id});
  damage_plan(id);
  const std::string hint =
      "Nothing was changed. Build the engine again with `peregrine build MODEL --rebuild`, or `peregrine "
      "engines restore` what was "
      "deployed before it.";
  expect_hint(refused(predict()), hint);
  run(build("area", {"--rebuild"}));
  accepted(predict());

  const std::string other = built({"build", tiny("area"), "--imgsz", "96"});
  use({other});
  damage_plan(other);
  expect_hint(refused(predict()), hint);
  accepted({"engines", "restore"});
  accepted(predict());
}

/// A plan that its manifest vouches for and no engine can load.
TEST_F(HintsOfStore, AboutPlansLeadToAnEngineThatServes) {
  const std::string id = built(build("area")), folder = "store/engines/" + id + "/";
  use({id});
  std::ifstream stream(file(folder + "manifest.json"));
  nlohmann::json manifest = nlohmann::json::parse(stream).at("content");
  const std::string plan(manifest.at("plan_bytes"), 'x'), digest = sha256_hex(plan);
  manifest["plan_sha256"] = digest;
  write(folder + "plan-" + digest.substr(0, 16) + ".bin", plan);
  write(folder + "manifest.json",
        nlohmann::json{{"format", 1}, {"sha256", sha256_hex(manifest.dump())}, {"content", manifest}}.dump());
  expect_hint(refused(predict()), "Build the engine again: `peregrine build MODEL --rebuild`.");
  run(build("area", {"--rebuild"}));
  accepted(predict());
}

TEST_F(HintsOfStore, AboutADamagedSwitchLeadToADeployment) {
  const std::string hint =
      "Nothing was changed. `peregrine engines restore` puts back what was deployed before; where no "
      "deployment is kept, remove "
      "the file and deploy engines with `peregrine engines use ID`.";
  const std::string nothing = "Deploy engines with `peregrine engines use ID`.";
  const std::string id = built(build("area")), other = built({"build", tiny("area"), "--imgsz", "96"});
  expect_hint(refused({"engines", "restore"}), nothing);
  use({id});
  write("store/current", "{ damaged");
  expect_hint(refused(predict()), hint);
  expect_hint(refused({"engines", "restore"}), nothing);
  fs::remove(root() / "current");
  use({id});
  accepted(predict());

  use({other});
  write("store/current", "{ damaged");
  expect_hint(refused(predict()), hint);
  accepted({"engines", "restore"});
  accepted(predict());
  expect_hint(refused({"engines", "restore", "99"}), "Kept are: {}.");
}

TEST_F(HintsOfStore, AboutNamesLeadToTheEngine) {
  const std::string id = built(build("area", {"--out", "copy"})),
                    other = built({"build", tiny("area"), "--imgsz", "96"});
  EXPECT_THAT(accepted({"engines", "list"}), HasSubstr(id));
  fs::create_directory(folder_.path() / "empty");
  const Words copy{"predict", "--model", "copy", "--source", image_, "--unverified"};
  follow({{"`peregrine engines list` names those there are.",
           {"engines", "show", "fedcba98765"},
           {"engines", "show", id}},
          {"Name one engine for each task slot.",
           {"engines", "use", id, other, "--unverified"},
           {"engines", "use", id, "--unverified"}},
          {"Give a model's file, or make an engine there: `peregrine build MODEL --out FOLDER`.",
           {"predict", "--model", "empty", "--source", image_},
           copy},
          {"Give the model's file.", {"build", "copy"}, build("area")},
          {"Give {} as it was then, or build its engine: `peregrine build`.",
           {"engines", "verify", id, "--model", tiny("pose")},
           {"engines", "verify", id, "--model", tiny("area")}},
          {"Choose a new folder.", build("area", {"--out", demo("scenes")}), build("area", {"--out", "new"})},
          {"Leave out --engine, or deploy engines of one kind: `peregrine engines use ID...`.",
           predict({"--engine", "tensorrt"}), predict()}});
}

TEST_F(HintsOfStore, AboutRemovingLeadToRemoval) {
  const std::string id = built(build("area")), other = built({"build", tiny("area"), "--imgsz", "96"});
  use({id});
  const std::string is_deployed = refused({"engines", "remove", id});
  expect_hint(is_deployed, "Deploy another one first: `peregrine engines use ID`.");
  use({other});
  const std::string kept = refused({"engines", "remove", id});
  expect_hint(kept, "--force removes it all the same.");
  accepted({"engines", "remove", id, "--force"});
  EXPECT_THAT(accepted({"engines", "list"}), testing::Not(HasSubstr(id)));
}

TEST_F(HintsOfStore, AboutDeploymentsLeadToADeployment) {
  const std::string hint = "Name a checkpoint with --model, or deploy engines with `peregrine migrate`.";
  expect_hint(refused(predict()), hint);
  accepted(predict({"--model", tiny("area"), "--imgsz", "64", "--unverified"}));
  const std::string reid = built({"build", demo("demo-reid.pth")});
  use({reid});
  expect_hint(refused(predict()), "Deploy a detector: `peregrine engines use ID`.");
  use({built(build("area"))});
  accepted(predict({"--reid-class", "a"}));
}

TEST_F(HintsOfStore, AboutPlacesLeadToAStore) {
  const std::string own = file("other-store");
  write("things/thesis.tex", "...");
  write("newer/format", "peregrine store 99\n");
  write("odd/format", "some text\n");
  const auto list = [](const std::string& store) { return Words{"engines", "list", "--store", store}; };
  follow({{"Choose a store of its own with --store, or the setting STORE.", list("things"), list(own)},
          {"Choose a store of its own with --store, or the setting STORE.",
           list("things"),
           {"engines", "list", "--config", write("store.toml", "STORE = \"" + own + "\"\n")}},
          {"Update peregrine, or choose another store with --store.", list("newer"), list(own)},
          {"Choose another store with --store.", list("odd"), list(own)}});
}

TEST_F(HintsOfStore, AboutWritingLeadToAnEngine) {
  fs::create_directory(folder_.path() / "closed");
  fs::permissions(folder_.path() / "closed", fs::perms::owner_read | fs::perms::owner_exec);
  const auto into = [](const std::string& store) { return build("area", {"--store", store}); };
  expect_hint(refused(into("closed/store"), obey_permissions),
              "Choose a store that can be written (--store, or the setting STORE).");
  EXPECT_NE(run(into("open/store"), obey_permissions).out.find(": engine "), std::string::npos);
  fs::permissions(folder_.path() / "closed", fs::perms::owner_all);
  expect_hint(refused(into("full/store"), limit_file_size),
              "The store is as it was. Free some space, or choose another place with --store.");
  EXPECT_NE(run(into("full/store")).out.find(": engine "), std::string::npos);
}

}  // namespace
}  // namespace peregrine::test
