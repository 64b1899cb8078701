// Hints of `peregrine migrate` and `doctor`, each followed to its result.
#include "cli/faults.h"
#include "cli/migrate_fixture.h"
#include "hints.h"

namespace peregrine::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class HintsOfMigrate : public MigrateCommand {
 protected:
  /// Of a network of a few layers.
  static Words tiny(const Words& more = {}) {
    Words words{"migrate", "--imgsz", "64", "--yes", "--baseline", "none", "--python", "/nonexistent/python"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static Words detect(const Words& more = {}) {
    Words words = tiny({"--detect", model()});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static std::string model() { return repository_file("tests/formats/data/tiny-area.pt").string(); }
  std::string write(const std::string& name, const std::string& contents) const {
    std::ofstream(folder_.path() / name) << contents;
    return (folder_.path() / name).string();
  }
  std::string frame_result(const Words& words, int status, const std::function<void()>& in_child = {}) const {
    const CommandResult result = run(words, "", in_child);
    EXPECT_EQ(result.status, status) << testing::PrintToString(words) << "\n" << result.out << result.err;
    return result.out + result.err;
  }
};

TEST_F(HintsOfMigrate, AboutModelsLeadToAMigration) {
  const std::string name =
      "Name them with --detect, --pose, --segment and --reid, or under [models] in the settings file.";
  expect_hint(frame_result(tiny(), 2), name);
  const std::string settings = write("models.toml", "[models]\ndetect = \"" + model() + "\"\n");
  frame_result(tiny({"--config", settings, "--validate-only"}), 0);
  expect_hint(frame_result(tiny({"--pose", model()}), 2), "Pass it with --{}.");
  expect_hint(frame_result(tiny({"--detect", folder_.path().string()}), 2), "Give the model's file.");
  expect_hint(frame_result(detect({"--report", "pages/page.html"}), 2),
              "Make it, or name another place with --report.");
  fs::create_directory(folder_.path() / "pages");
  frame_result(detect({"--report", "pages/page.html"}), 0);
}

TEST_F(HintsOfMigrate, AboutBackupsLeadToARollback) {
  expect_hint(frame_result({"migrate", "--rollback"}, 3), "Name the one that was migrated with --store.");
  frame_result({"build", model(), "--imgsz", "96"}, 0);
  expect_hint(frame_result({"migrate", "--rollback"}, 3),
              "`peregrine migrate` makes one before its first change.");
  frame_result(detect(), 0);
  frame_result(detect({"--batch", "2"}), 0);
  expect_hint(frame_result({"migrate", "--rollback", "9"}, 3), "Kept are: {}.");
  write("store/backups/2/current", "{ damaged");
  expect_hint(frame_result({"migrate", "--rollback"}, 3),
              "Nothing was changed. Put another backup back: `peregrine migrate --rollback ID`; `peregrine "
              "migrate --list-backups` "
              "lists them.");
  EXPECT_THAT(frame_result({"migrate", "--list-backups"}, 0), HasSubstr("backup 1"));
  frame_result({"migrate", "--rollback", "1"}, 0);
}

TEST_F(HintsOfMigrate, AboutDamageLeadToEnginesThatAreWhole) {
  frame_result(detect(), 0);
  for (const auto& entry : fs::recursive_directory_iterator(store_ / "engines"))
    if (entry.path().extension() == ".bin") std::fstream(entry.path(), std::ios::in | std::ios::out).put('!');
  expect_hint(frame_result(detect({"--validate-only"}), 1),
              "`peregrine migrate --force-rebuild` builds them anew.");
  frame_result(detect({"--force-rebuild"}), 0);
  frame_result(detect({"--validate-only"}), 0);
}

TEST_F(HintsOfMigrate, AboutPlacesAndMachinesLeadToAMigration) {
  fs::create_directory(folder_.path() / "closed");
  fs::permissions(folder_.path() / "closed", fs::perms::owner_read | fs::perms::owner_exec);
  const auto into = [&](const std::string& store) {
    Words words = detect({"--allow-cpu", "--store", (folder_.path() / store).string()});
    return run_command(words, folder_.path().string(), "", obey_permissions);
  };
  const CommandResult refused = into("closed/store");
  EXPECT_EQ(refused.status, 3);
  expect_hint(refused.out + refused.err,
              "give yourself the right to write there, or choose another place with --store");
  EXPECT_EQ(into("open/store").status, 0);
  fs::permissions(folder_.path() / "closed", fs::perms::owner_all);
}

TEST_F(HintsOfMigrate, OfDoctorLeadToATableThatIsGood) {
  const auto doctor = [&](const Words& more) {
    Words words{"doctor", "--store", store_.string()};
    words.insert(words.end(), more.begin(), more.end());
    return run_command(words, folder_.path().string(), "", [] { setenv("CUDA_VISIBLE_DEVICES", "", 1); }).out;
  };
  const std::string insisting = doctor({});
  EXPECT_THAT(insisting, HasSubstr("BAD "));
  EXPECT_THAT(insisting, HasSubstr("let the CPU serve with --allow-cpu"));
  EXPECT_THAT(doctor({"--allow-cpu"}), testing::Not(HasSubstr("BAD ")));
  const std::string python =
      write("python",
            "#!/bin/sh\necho '{\"version\": \"3.11.2\", \"torch\": \"2.9\", \"ultralytics\": \"8.4\"}'\n");
  fs::permissions(python, fs::perms::owner_all);
  expect_hint(doctor({"--python", "/nonexistent/python"}), "name the Python of your pipeline with --python");
  EXPECT_THAT(doctor({"--python", python}), HasSubstr("torch 2.9, ultralytics 8.4"));
}

}  // namespace
}  // namespace peregrine::test
