// What commands write: never over what they read, and --json FILE always says what happened.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "command.h"
#include "faults.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

class Outputs : public testing::Test {
 protected:
  void SetUp() override {
    fs::copy_file(demo("demo-detect.pt"), at("model.pt"));
    fs::copy_file(demo("scenes/val2017/000000.jpg"), at("photo.jpg"));
  }
  static fs::path demo(const std::string& name) { return test::repository_file("models/demo/" + name); }
  fs::path at(const std::string& name) const { return folder_.path() / name; }
  static std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(at(name), std::ios::binary) << text;
  }
  nlohmann::json json(const std::string& name = "out.json") const {
    return nlohmann::json::parse(contents(at(name)));
  }

  test::CommandResult run(Words words, const std::string& interrupt_after = "",
                          const std::function<void()>& in_child = {}) const {
    return test::run_command(words, folder_.path().string(), interrupt_after, in_child);
  }
  static Words on_cpu(Words words) {
    words.insert(words.end(), {"--allow-cpu", "--engine", "openvino"});
    return words;
  }
  Words predict(const Words& more, const std::string& source = "photo.jpg") const {
    Words words = on_cpu({"predict", "--model", "model.pt", "--source", source});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  /// Exit 2, one line that names the file, and no file changed, came or went.
  void expect_untouched(const Words& words, const std::string& named) const {
    const auto before = listing();
    const auto result = run(words);
    EXPECT_EQ(result.status, 2) << testing::PrintToString(words) << "\n" << result.err;
    EXPECT_THAT(result.err, testing::AllOf(HasSubstr("would overwrite"), HasSubstr(named)));
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(listing(), before) << testing::PrintToString(words);
  }
  std::map<std::string, std::string> listing() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path()))
      files[entry.path().string()] = entry.is_regular_file() ? contents(entry.path()) : "";
    return files;
  }
  /// The only entry of "errors", of a document that has no result.
  void expect_error(const std::string& code, const std::string& name = "out.json") const {
    const auto document = json(name);
    ASSERT_EQ(document.at("errors").size(), 1u) << document;
    EXPECT_THAT(document["errors"][0].at("code").get<std::string>(), testing::StartsWith(code));
    EXPECT_FALSE(document["errors"][0].at("message").get<std::string>().empty());
    EXPECT_FALSE(document.contains("images") && !document["images"].empty());
  }
  test::TemporaryFolder folder_;
};

TEST_F(Outputs, PredictNeverOverwritesItsInputs) {
  fs::create_directory(at("sub"));
  fs::create_symlink("../photo.jpg", at("sub/link.json"));
  fs::create_hard_link(at("photo.jpg"), at("sub/hard.jsonl"));
  fs::create_directory_symlink(folder_.path(), at("sub/back"));
  write("settings.toml", "BATCH = 1\n");
  for (const char* json : {"photo.jpg", "./photo.jpg", "sub/../photo.jpg", "sub/link.json", "sub/hard.jsonl",
                           "sub/back/photo.jpg"})
    expect_untouched(predict({"--json", json}), "photo.jpg");
  expect_untouched(predict({"--json", "photo.jpg"}, "*.jpg"), "photo.jpg");
  expect_untouched(predict({"--json", "photo.jpg"}, "."), "photo.jpg");
  expect_untouched(predict({"--json", "model.pt"}), "model.pt");
  expect_untouched(predict({"--json", "settings.toml", "--config", "settings.toml"}), "settings.toml");
  for (const char* folder : {".", "sub/..", "sub/back"})
    expect_untouched(predict({"--save", folder}), "photo.jpg");
  // The second of two sources of one name is numbered: that name may be a third's.
  fs::copy_file(at("photo.jpg"), at("sub/photo.jpg"));
  fs::create_directory(at("out"));
  fs::copy_file(at("photo.jpg"), at("out/photo_2.jpg"));
  Words three = predict({"--save", "out"});
  three.insert(three.end(), {"--source", "sub/photo.jpg", "--source", "out/photo_2.jpg"});
  expect_untouched(three, "photo_2.jpg");
}

TEST_F(Outputs, AVideoIsNotOverwrittenByItsAnnotatedSelf) {
  write("street.mp4", "whatever it holds");
  expect_untouched(predict({"--save", "."}, "street.mp4"), "street.mp4");
}

TEST_F(Outputs, NoCommandOverwritesItsInputs) {
  fs::create_directories(at("data/annotations"));
  write("data/annotations/instances_val2017.json", "{}");
  fs::copy_file(at("model.pt"), at("model.engine"));
  const std::string annotations = "data/annotations/instances_val2017.json";
  expect_untouched({"export", "model.pt", "-o", "./model.pt"}, "model.pt");
  expect_untouched({"build", "model.pt", "--json", "model.pt"}, "model.pt");
  expect_untouched({"build", "model.pt", "--images", ".", "--json", "photo.jpg"}, "photo.jpg");
  expect_untouched({"build", "model.pt", "--out", "model.pt"}, "model.pt");
  expect_untouched({"build", "model.pt", "--timing-cache", "model.pt"}, "model.pt");
  expect_untouched({"build", "model.pt", "--ultralytics", "--out", "model.pt"}, "model.pt");
  expect_untouched({"build", "model.engine", "--ultralytics"}, "model.engine");
  expect_untouched(on_cpu({"val", "--model", "model.pt", "--data", "data", "--json", annotations}),
                   annotations);
  expect_untouched(on_cpu({"val", "--model", "model.pt", "--data", "data", "--json", "model.pt"}),
                   "model.pt");
  expect_untouched({"migrate", "--detect", "model.pt", "--json", "model.pt"}, "model.pt");
  expect_untouched({"migrate", "--detect", "model.pt", "--report", "model.pt"}, "model.pt");
  expect_untouched(
      {"explain", "model.pt@openvino:fp32", "model.pt", "--image", "photo.jpg", "--json", "model.pt"},
      "model.pt");
  expect_untouched({"explain", "model.pt", "model.pt", "--image", "photo.jpg", "--json", "photo.jpg"},
                   "photo.jpg");
  expect_untouched({"bench", "--model", "model.pt", "--json", "model.pt"}, "model.pt");
  expect_untouched({"audit", "--model", "model.pt", "--source", "photo.jpg", "--json", "photo.jpg"},
                   "photo.jpg");
}

TEST_F(Outputs, TwoOutputsThatAreOneFileAreRefused) {
  const auto migrate = run({"migrate", "--detect", "model.pt", "--json", "out", "--report", "./out"});
  EXPECT_EQ(migrate.status, 2);
  EXPECT_THAT(migrate.err, HasSubstr("--report ./out"));
  const auto saved = run(predict({"--json", "drawn/photo.jpg", "--save", "drawn"}));
  EXPECT_EQ(saved.status, 2);
  EXPECT_THAT(saved.err, HasSubstr("--json drawn/photo.jpg"));
  EXPECT_FALSE(fs::exists(at("drawn")));
}

TEST_F(Outputs, TheStoresFilesAreInputs) {
  fs::create_directory(at("store"));
  write("store/current", "kept");
  const auto result = run(predict({"--store", "store", "--json", "store/current"}));
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_EQ(contents(at("store/current")), "kept");
}

TEST_F(Outputs, WhatIsNoInputIsReplaced) {
  fs::create_directory(at("drawn"));
  write("drawn/photo.jpg", "an image of somebody");
  write("out.json", "old");
  const auto result = run(predict({"--save", "drawn", "--json", "out.json"}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_GT(fs::file_size(at("drawn/photo.jpg")), 1000u);
  EXPECT_EQ(json().at("images").size(), 1u);
}

TEST_F(Outputs, NamesOfAnnotatedFilesNeverMeet) {
  for (const char* name : {"a/x.jpg", "b/x.jpg", "c/x_2.jpg"}) {
    fs::create_directories(at(name).parent_path());
    fs::copy_file(at("photo.jpg"), at(name));
  }
  Words words = predict({"--save", "drawn", "--source", "b/x.jpg", "--source", "c/x_2.jpg"}, "a/x.jpg");
  ASSERT_EQ(run(words).status, 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(at("drawn")), fs::directory_iterator()), 3);
}

TEST_F(Outputs, JsonSaysThatNothingCouldBeRead) {
  write("text.jpg", "a line of text");
  write("out.json", "{\"images\": [1, 2, 3]}");
  EXPECT_EQ(run(predict({"--json", "out.json"}, "text.jpg")).status, 1);
  expect_error("image.unknown");
  EXPECT_EQ(json().at("errors")[0].at("path"), "text.jpg");
  write("out.json", "old");
  EXPECT_EQ(run(predict({"--json", "out.json"}, "absent.jpg")).status, 1);
  expect_error("source.missing");
  write("out.jsonl", "old");
  EXPECT_EQ(run(predict({"--json", "out.jsonl"}, "absent.jpg")).status, 1);
  EXPECT_EQ(json("out.jsonl").at("code"), "source.missing");
  const auto printed = run(predict({"--json", "-"}, "absent.jpg"));
  EXPECT_EQ(printed.status, 1);
  EXPECT_EQ(nlohmann::json::parse(printed.out).at("errors").size(), 1u);
}

TEST_F(Outputs, JsonSaysWhyARunNeverBegan) {
  write("broken.pt", "no model");
  const auto expect = [&](Words words, int status, const std::string& code) {
    write("out.json", "old");
    words.insert(words.end(), {"--json", "out.json"});
    EXPECT_EQ(run(words).status, status) << testing::PrintToString(words);
    expect_error(code);
  };
  expect(on_cpu({"predict", "--model", "broken.pt", "--source", "photo.jpg"}), 3, "model.unknown");
  expect({"predict", "--engine", "openvino", "--model", "model.pt", "--source", "photo.jpg"}, 3,
         "enforcement.");
  expect(predict({"--classes", "unicorn"}), 2, "usage.classes");
  expect(predict({"--conf", "3"}), 2, "usage.setting");
  expect(on_cpu({"val", "--model", "broken.pt", "--data", "nowhere"}), 3, "model.unknown");
  expect(on_cpu({"val", "--model", "model.pt", "--data", "nowhere"}), 1, "validation.dataset");
  expect(on_cpu({"build", "broken.pt"}), 3, "model.unknown");
  expect(on_cpu({"bench", "--model", "broken.pt"}), 3, "model.unknown");
  expect(on_cpu({"audit", "--model", "broken.pt", "--source", "photo.jpg"}), 3, "model.unknown");
  expect(on_cpu({"explain", "broken.pt", "model.pt", "--image", "photo.jpg"}), 3, "model.unknown");
  write("out.jsonl", "old");
  EXPECT_EQ(
      run(on_cpu({"predict", "--model", "broken.pt", "--source", "photo.jpg", "--json", "out.jsonl"})).status,
      3);
  EXPECT_EQ(json("out.jsonl").at("code"), "model.unknown");
}

/// Where not even that can be written, an older file would look like the answer.
TEST_F(Outputs, AnOlderFileGoesWhereNothingCanBeWritten) {
  write("out.json", "old");
  const auto nothing_fits = [] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{0, 0};
    setrlimit(RLIMIT_FSIZE, &limit);
  };
  const auto result = run(predict({"--json", "out.json"}, "absent.jpg"), "", nothing_fits);
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_FALSE(fs::exists(at("out.json")));
  EXPECT_THAT(result.err, HasSubstr("out.json was removed"));
}

TEST_F(Outputs, JsonListsTheModelsThatObjectsReferTo) {
  fs::create_directory(at("other"));
  fs::copy_file(demo("demo-segment.pt"), at("other/model.pt"));
  const Words both{"--model", "other/model.pt", "--reid", demo("demo-reid.pth").string()};
  Words words = predict(both);
  words.insert(words.end(), {"--json", "out.json"});
  ASSERT_EQ(run(words).status, 0);
  const auto document = json();
  const auto& models = document.at("models");
  ASSERT_EQ(models.size(), 3u);
  const std::vector<std::string> paths{"model.pt", "other/model.pt", demo("demo-reid.pth").string()};
  const std::vector<std::string> tasks{"detect", "segment", "reid"};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(models[i].at("index"), i);
    EXPECT_EQ(models[i].at("path"), paths[i]);
    EXPECT_EQ(models[i].at("task"), tasks[i]);
    EXPECT_EQ(models[i].at("sha256").get<std::string>().size(), 64u);
  }
  EXPECT_NE(models[0]["sha256"], models[1]["sha256"]);
  std::set<int> seen;
  for (const auto& object : document.at("images").at(0).at("objects")) {
    EXPECT_EQ(object.at("model"), "model.pt");
    EXPECT_EQ(object.at("task"), tasks.at(object.at("model_index")));
    seen.insert(object.at("model_index").get<int>());
  }
  EXPECT_EQ(seen, (std::set<int>{0, 1}));

  words = predict({"--model", "other/model.pt", "--json", "out.jsonl", "--source", "photo.jpg"});
  ASSERT_EQ(run(words).status, 0);
  std::ifstream stream(at("out.jsonl"));
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].at("models").size(), 2u);
  EXPECT_FALSE(lines[1].contains("models"));
  EXPECT_TRUE(lines[1].at("objects").at(0).contains("model_index"));
}

TEST_F(Outputs, ALogHasALineEachTenth) {
  Words words = on_cpu({"predict", "--model", "model.pt", "--json", "out.json"});
  for (int i = 0; i < 40; ++i) words.insert(words.end(), {"--source", "photo.jpg"});
  const auto result = run(words);
  ASSERT_EQ(result.status, 0) << result.err;
  std::size_t lines = 0;
  for (std::size_t at = result.err.find(" images: "); at != std::string::npos;
       at = result.err.find(" images: ", at + 1))
    ++lines;
  EXPECT_EQ(lines, 10u) << result.err;
  EXPECT_THAT(result.err, testing::AllOf(HasSubstr("4/40 images"), HasSubstr("40/40 images"),
                                         Not(HasSubstr("5/40 images"))));
}

}  // namespace
}  // namespace peregrine
