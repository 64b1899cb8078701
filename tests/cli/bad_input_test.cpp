// Wrong input: one clear sentence with the file's name and what to do, the right exit status, nothing left behind.
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "command.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class BadInput : public testing::Test {
 protected:
  std::string model_ = test::repository_file("models/demo/demo-detect.pt").string();
  std::string picture_ = first_scene().string();
  test::TemporaryFolder folder_;

  static fs::path first_scene() {
    std::vector<fs::path> scenes;
    for (const auto& entry : fs::directory_iterator(test::repository_file("models/demo/scenes/val2017")))
      scenes.push_back(entry.path());
    std::ranges::sort(scenes);
    return scenes.front();
  }
  std::string write(const std::string& name, const std::string& contents) {
    const auto path = folder_.path() / name;
    std::ofstream(path, std::ios::binary) << contents;
    return path.string();
  }
  static std::string contents_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  test::CommandResult predict(const std::string& model, const std::vector<std::string>& sources,
                              std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{
        "predict", "--allow-cpu", "--engine", "openvino", "--store", (folder_.path() / "store").string(), "--model", model};
    for (const std::string& source : sources) arguments.insert(arguments.end(), {"--source", source});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return test::run_command(arguments, folder_.path().string());
  }
  /// The failing file is named and nothing crashed.
  static void expect_refused(const test::CommandResult& result, int status, const std::string& name) {
    EXPECT_EQ(result.status, status) << result.err;
    EXPECT_THAT(result.err, HasSubstr(name));
    EXPECT_THAT(result.err, testing::Not(HasSubstr("Unexpected")));
  }
};

TEST_F(BadInput, ModelsThatAreNone) {
  const std::string whole = contents_of(model_);
  expect_refused(predict(write("empty.pt", ""), {picture_}), 3, "empty.pt");
  expect_refused(predict(write("text.pt", "hello world, no model here"), {picture_}), 3, "text.pt");
  expect_refused(predict(write("cut.pt", whole.substr(0, whole.size() / 2)), {picture_}), 3, "cut.pt");
  std::string flipped = whole;
  for (std::size_t i = flipped.size() / 2; i < flipped.size() / 2 + 64; ++i) flipped[i] = static_cast<char>(~flipped[i]);
  expect_refused(predict(write("flipped.pt", flipped), {picture_}), 3, "flipped.pt");
  expect_refused(predict((folder_.path() / "none.pt").string(), {picture_}), 3, "none.pt");
}

TEST_F(BadInput, OneBadPictureCostsOnlyItself) {
  const std::string jpeg = contents_of(picture_);
  const std::string cut = write("cut.jpg", jpeg.substr(0, jpeg.size() / 3)), empty = write("empty.jpg", "");
  const auto result = predict(model_, {cut, picture_, empty}, {"--json", "out.json"});
  expect_refused(result, 1, "cut.jpg");
  const auto json = nlohmann::json::parse(contents_of((folder_.path() / "out.json").string()));
  EXPECT_EQ(json.at("images").size(), 1u);
  ASSERT_EQ(json.at("errors").size(), 2u);
  EXPECT_EQ(json["errors"][0]["code"], "image.truncated");
  EXPECT_EQ(json["errors"][1]["code"], "image.empty");
}

TEST_F(BadInput, WithoutAnyGoodPictureNoFileIsLeft) {
  const auto result = predict(model_, {write("no.jpg", "no picture")}, {"--json", "out.json"});
  expect_refused(result, 1, "no.jpg");
  EXPECT_FALSE(fs::exists(folder_.path() / "out.json"));
}

TEST_F(BadInput, SourcesThatAreNotThere) {
  fs::create_directory(folder_.path() / "bare");
  expect_refused(predict(model_, {(folder_.path() / "bare").string()}), 1, "bare");
  expect_refused(predict(model_, {(folder_.path() / "missing.jpg").string()}), 1, "missing.jpg");
  expect_refused(predict(model_, {(folder_.path() / "*.tif").string()}), 1, "*.tif");
}

TEST_F(BadInput, TooManyPixelsAreRefusedBeforeDecoding) {
  expect_refused(predict(model_, {picture_}, {"--max-pixels", "1000"}), 1, "--max-pixels");
}

TEST_F(BadInput, ANameThatIsNoUtf8) {
  const std::string path = write("na\xff\xfeme.jpg", contents_of(picture_));
  const auto result = predict(model_, {path}, {"--json", "-"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(nlohmann::json::accept(result.out));
}

TEST_F(BadInput, OutputsThatCannotBeWritten) {
  expect_refused(predict(model_, {picture_}, {"--json", "/nonexistent/folder/out.json"}), 1, "/nonexistent/folder/out.json");
  expect_refused(predict(model_, {picture_}, {"--json", "/dev/full"}), 1, "/dev/full");
  expect_refused(predict(model_, {picture_}, {"--save", "/proc/pictures"}), 1, "/proc/pictures");
}

TEST_F(BadInput, WrongUsage) {
  EXPECT_EQ(test::run_command({}).status, 2);
  EXPECT_EQ(test::run_command({"predikt"}).status, 2);
  EXPECT_EQ(predict(model_, {picture_}, {"--conf", "3"}).status, 2);
  EXPECT_EQ(predict(model_, {picture_}, {"--classes", "unicorn"}).status, 2);
  EXPECT_EQ(predict(model_, {picture_}, {"--batch", "0"}).status, 2);
  const auto nothing =
      test::run_command({"predict", "--allow-cpu", "--store", (folder_.path() / "none").string(), "--source", picture_});
  expect_refused(nothing, 3, "migrate");
  expect_refused(nothing, 3, "--model");
}

TEST_F(BadInput, CtrlCHalfWayLeavesNothing) {
  std::vector<std::string> many(400, picture_);
  std::vector<std::string> arguments{"predict", "--allow-cpu", "--engine", "openvino", "--model",
                                     model_,    "--json",      "out.json", "--store",  (folder_.path() / "store").string()};
  for (const std::string& source : many) arguments.insert(arguments.end(), {"--source", source});
  const auto result = test::run_command(arguments, folder_.path().string(), "3/400");
  EXPECT_EQ(result.status, 130) << result.err;
  EXPECT_FALSE(fs::exists(folder_.path() / "out.json"));
}

}  // namespace
}  // namespace peregrine
