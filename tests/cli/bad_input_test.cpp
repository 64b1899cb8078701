// Wrong input: one clear sentence with the file's name and what to do, the right exit status, nothing left
// behind.
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "command.h"
#include "faults.h"
#include "stages/decode/decode.h"
#include "support/checkpoint_writer.h"
#include "support/test_data.h"
#include "support/zip_writer.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class BadInput : public testing::Test {
 protected:
  std::string model_ = test::repository_file("models/demo/demo-detect.pt").string();
  std::string image_ = first_scene().string();
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
                              std::vector<std::string> more = {}, const std::string& interrupt_after = "",
                              const std::function<void()>& in_child = {}) {
    std::vector<std::string> arguments{"predict", "--allow-cpu", "--engine", "openvino", "--model", model};
    for (const std::string& source : sources) arguments.insert(arguments.end(), {"--source", source});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return test::run_command(arguments, folder_.path().string(), interrupt_after, in_child);
  }
  /// The failing file is named and nothing crashed.
  static void expect_refused(const test::CommandResult& result, int status, const std::string& name) {
    EXPECT_EQ(result.status, status) << result.err;
    EXPECT_THAT(result.err, HasSubstr(name));
    EXPECT_THAT(result.err, testing::Not(HasSubstr("Unexpected")));
  }
  static void expect_whole_images(const fs::path& folder) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string file = contents_of(entry.path().string());
      EXPECT_NO_THROW(decode::decode_image(std::as_bytes(std::span(file)), entry.path().string()))
          << entry.path();
    }
  }
  /// Temporary files that nobody renamed or removed.
  int half_written() const {
    int found = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path()))
      found += entry.path().filename().native().find(".part") != std::string::npos;
    return found;
  }
};

TEST_F(BadInput, ModelsThatAreNone) {
  const std::string whole = contents_of(model_);
  expect_refused(predict(write("empty.pt", ""), {image_}), 3, "empty.pt");
  expect_refused(predict(write("text.pt", "hello world, no model here"), {image_}), 3, "text.pt");
  expect_refused(predict(write("cut.pt", whole.substr(0, whole.size() / 2)), {image_}), 3, "cut.pt");
  std::string flipped = whole;
  for (std::size_t i = flipped.size() / 2; i < flipped.size() / 2 + 64; ++i)
    flipped[i] = static_cast<char>(~flipped[i]);
  expect_refused(predict(write("flipped.pt", flipped), {image_}), 3, "flipped.pt");
  expect_refused(predict((folder_.path() / "none.pt").string(), {image_}), 3, "none.pt");
}

TEST_F(BadInput, SourcesThatAreNoneAreSaidBeforeAnEngineIsMade) {
  const std::string none = (folder_.path() / "none.jpg").string(),
                    nothing = (folder_.path() / "*.png").string();
  const fs::path store = folder_.path() / "store";
  const auto refused = predict(model_, {none, nothing}, {"--store", store.string()});
  expect_refused(refused, 1, "none.jpg");
  EXPECT_THAT(refused.err, HasSubstr("*.png"));
  EXPECT_FALSE(fs::exists(store));
  const auto one_is_there = predict(model_, {none, image_});
  expect_refused(one_is_there, 1, "none.jpg");
  EXPECT_THAT(one_is_there.out, HasSubstr(fs::path(image_).filename().string()));
}

TEST_F(BadInput, ModelsThatMeanHarm) {
  const std::string owned = (folder_.path() / "owned").string();
  const std::string call =
      test::pickle_call(test::pickle_global("os", "system"), {test::pickle_text("touch '" + owned + "'")});
  const auto refused = predict(
      write("evil.pt", test::write_checkpoint(test::pickle(test::pickle_dict({{"model", call}})), {})),
      {image_});
  expect_refused(refused, 3, "evil.pt");
  EXPECT_THAT(refused.err, HasSubstr("os.system"));
  EXPECT_FALSE(fs::exists(owned));

  const std::string bomb = test::write_zip({{"a/data.pkl", test::pickle("}")}, {"a/data/0", "x", 1u << 30}});
  const auto too_large = predict(write("bomb.pt", bomb), {image_});
  expect_refused(too_large, 3, "bomb.pt");
  EXPECT_THAT(too_large.err, HasSubstr("16 times"));
}

/// A checkpoint of Ultralytics whose only module is a head of this class, with one level.
std::string head_alone(const std::string& head, const std::string& stride) {
  const auto object = [](const std::string& file, const std::string& name,
                         const std::vector<std::pair<std::string, std::string>>& state) {
    return test::pickle_call(test::pickle_global(file, name), {}) + test::pickle_dict(state) + "b";
  };
  const auto with_modules = [&](const std::string& file, const std::string& name, const std::string& child,
                                const std::string& module) {
    return object(file, name, {{"_modules", test::pickle_dict({{child, module}})}});
  };
  const std::string one = test::pickle_integer(1);
  const std::string module = object(
      "ultralytics.nn.modules.head", head,
      {{"f", test::pickle_integer(-1)}, {"nl", one}, {"nc", one}, {"reg_max", one}, {"stride", stride}});
  const std::string layers = with_modules("torch.nn.modules.container", "Sequential", "0", module);
  const std::string tree = with_modules("ultralytics.nn.tasks", "DetectionModel", "model", layers);
  return test::write_checkpoint(test::pickle(test::pickle_dict({{"model", tree}})), {std::string(4, '\0')});
}

TEST_F(BadInput, ATensorThatLiesOutsideItsStorage) {
  const std::string beyond = test::pickle_tensor({.storage_elements = 1, .offset = 1000, .shape = {1}});
  const auto result = predict(write("beyond.pt", head_alone("Detect", beyond)), {image_});
  expect_refused(result, 3, "beyond.pt");
  EXPECT_THAT(result.err, HasSubstr("beyond its storage"));
}

TEST_F(BadInput, AModelOfAnUnknownKind) {
  const std::string stride = test::pickle_tensor({.storage_elements = 1, .shape = {1}});
  const auto result = predict(write("world.pt", head_alone("WorldDetect", stride)), {image_});
  expect_refused(result, 3, "world.pt");
  EXPECT_THAT(result.err, HasSubstr("WorldDetect"));
}

TEST_F(BadInput, OneBadImageCostsOnlyItself) {
  const std::string jpeg = contents_of(image_);
  const std::string cut = write("cut.jpg", jpeg.substr(0, jpeg.size() / 3)), empty = write("empty.jpg", "");
  const auto result = predict(model_, {cut, image_, empty}, {"--json", "out.json"});
  expect_refused(result, 1, "cut.jpg");
  const auto json = nlohmann::json::parse(contents_of((folder_.path() / "out.json").string()));
  EXPECT_EQ(json.at("images").size(), 1u);
  ASSERT_EQ(json.at("errors").size(), 2u);
  EXPECT_EQ(json["errors"][0]["code"], "image.truncated");
  EXPECT_EQ(json["errors"][1]["code"], "image.empty");
}

TEST_F(BadInput, WhatAFolderHoldsAndIsLeftOutIsCounted) {
  fs::create_directories(folder_.path() / "mixed/sub");
  fs::copy_file(image_, folder_.path() / "mixed/without_extension");
  fs::copy_file(test::repository_file("tests/stages/decode/data/pictures/rgb_tiled.tif"),
                folder_.path() / "mixed/a.tif");
  for (const char* name : {"mixed/a.txt", "mixed/b.TXT", "mixed/c.cr2", "mixed/.hidden"}) write(name, "x");
  const std::string list = write("list.txt", "mixed\nabsent.jpg\n");
  const auto result = predict(model_, {list}, {"--json", "out.json"});
  expect_refused(result, 1, "absent.jpg (line 2 of " + list + ") does not exist.");
  EXPECT_THAT(result.err, HasSubstr("mixed: left out: 1 .cr2, 2 .txt, 1 folder, 1 hidden"));
  const auto json = nlohmann::json::parse(contents_of((folder_.path() / "out.json").string()));
  EXPECT_EQ(json.at("images").size(), 2u);
  EXPECT_EQ(json.at("errors").size(), 1u);
  const auto kinds = nlohmann::json{{".cr2", 1}, {".txt", 2}, {"folder", 1}, {"hidden", 1}};
  EXPECT_EQ(json.at("left_out"), nlohmann::json::array({{{"source", "mixed"}, {"kinds", kinds}}}));
  const auto lines = predict(model_, {"mixed"}, {"--json", "out.jsonl"});
  EXPECT_EQ(lines.status, 0) << lines.err;
  EXPECT_THAT(contents_of((folder_.path() / "out.jsonl").string()),
              HasSubstr(R"({"path":"mixed","left_out":{".cr2":1)"));
}

TEST_F(BadInput, SourcesThatAreNotThere) {
  fs::create_directory(folder_.path() / "bare");
  expect_refused(predict(model_, {(folder_.path() / "bare").string()}), 1, "bare");
  expect_refused(predict(model_, {(folder_.path() / "missing.jpg").string()}), 1, "missing.jpg");
  expect_refused(predict(model_, {(folder_.path() / "*.tif").string()}), 1, "*.tif");
}

TEST_F(BadInput, TooManyPixelsAreRefusedBeforeDecoding) {
  expect_refused(predict(model_, {image_}, {"--max-pixels", "1000"}), 1, "--max-pixels");
}

TEST_F(BadInput, AImageOf20000By20000IsTooLargeUnlessAllowed) {
  const std::string claim("P6 20000 20000 255\n");  // a PPM; no pixels are needed to see it
  const auto result = predict(model_, {write("huge.ppm", claim)});
  expect_refused(result, 1, "huge.ppm");
  EXPECT_THAT(result.err, HasSubstr("--max-pixels"));
  const auto allowed = predict(model_, {write("huge.ppm", claim)}, {"--max-pixels", "400000000"});
  expect_refused(allowed, 1, "huge.ppm");
  EXPECT_THAT(allowed.err, testing::Not(HasSubstr("--max-pixels")));
}

TEST_F(BadInput, OnePixelCmykAndGreyscaleSimplyRun) {
  const std::string kinds[] = {"one_pixel.jpg", "one_pixel.png", "cmyk.jpg",
                               "ycck.jpg",      "grey.jpg",      "grey_16.png"};
  std::vector<std::string> images;
  for (const std::string& name : kinds)
    images.push_back(test::repository_file("tests/stages/decode/data/pictures/" + name).string());
  const auto result = predict(model_, images, {"--json", "-", "--save", "saved"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  ASSERT_EQ(json.at("images").size(), std::size(kinds));
  EXPECT_EQ(json["images"][0]["width"], 1);
  EXPECT_EQ(json["images"][1]["height"], 1);
  expect_whole_images(folder_.path() / "saved");
}

TEST_F(BadInput, NamesThatAreNoUtf8) {
  const std::string path = write("na\xff\xfeme.jpg", contents_of(image_));
  const auto result = predict(model_, {path}, {"--json", "-", "--save", "sa\xffved"});
  EXPECT_EQ(result.status, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_THAT(json.at("images").at(0).at("path").get<std::string>(), HasSubstr("na\\xff\\xfeme.jpg"));
  EXPECT_TRUE(fs::exists(folder_.path() / "sa\xffved" / "na\\xff\\xfeme.jpg"));  // as it is shown
  expect_refused(predict(write("mo\xff.pt", "no model"), {image_}), 3, "mo\\xff.pt");
  expect_refused(predict(model_, {write("em\xff.jpg", "")}), 1, "em\\xff.jpg");
}

TEST_F(BadInput, OutputsThatCannotBeWritten) {
  expect_refused(predict(model_, {image_}, {"--json", "/nonexistent/folder/out.json"}), 1,
                 "/nonexistent/folder/out.json");
  expect_refused(predict(model_, {image_}, {"--json", "/dev/full"}), 1, "/dev/full");
  expect_refused(predict(model_, {image_}, {"--save", "/proc/pictures"}), 1, "/proc/pictures");
}

TEST_F(BadInput, AFullDiskLeavesNoHalfWrittenFile) {
  ASSERT_EQ(predict(model_, {image_}).status, 0);  // the engine is in the store before the disk is full
  // 1920x1080 pixels of noise make a JPEG above the limit.
  std::string noise = "P6 1920 1080 255\n";
  std::uint32_t state = 1;
  for (int i = 0; i < 1920 * 1080 * 3; ++i)
    noise += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  const std::string small = test::repository_file("tests/stages/decode/data/pictures/one_pixel.jpg").string();
  const auto image =
      predict(model_, {write("noise.ppm", noise), small}, {"--save", "saved"}, "", test::limit_file_size);
  expect_refused(image, 1, "noise.jpg");
  EXPECT_FALSE(fs::exists(folder_.path() / "saved" / "noise.jpg"));
  EXPECT_TRUE(fs::exists(folder_.path() / "saved" / "one_pixel.jpg"));

  const std::vector<std::string> reid{"--json", "out.json", "--reid",
                                      test::repository_file("models/demo/demo-reid.pth").string()};
  ASSERT_EQ(predict(model_, {image_}, reid).status, 0);
  const auto json = predict(model_, std::vector<std::string>(8, image_), reid, "", test::limit_file_size);
  expect_refused(json, 1, "out.json");
  const auto document = nlohmann::json::parse(contents_of((folder_.path() / "out.json").string()));
  EXPECT_EQ(document.at("errors").at(0).at("code"), "output.write")
      << "the results did not fit, the failure did";
  EXPECT_TRUE(document.at("images").empty());
  EXPECT_EQ(half_written(), 0);
}

TEST_F(BadInput, WrongUsage) {
  EXPECT_EQ(test::run_command({}).status, 2);
  EXPECT_EQ(test::run_command({"predikt"}).status, 2);
  EXPECT_EQ(predict(model_, {image_}, {"--conf", "3"}).status, 2);
  EXPECT_EQ(predict(model_, {image_}, {"--classes", "unicorn"}).status, 2);
  EXPECT_EQ(predict(model_, {image_}, {"--batch", "0"}).status, 2);
  expect_refused(predict(model_, {image_}, {"--reid", model_}), 2, "demo-detect.pt is a detect model");
  expect_refused(predict(test::repository_file("models/demo/demo-reid.pth").string(), {image_}), 2, "--reid");
  const auto nothing = test::run_command(
      {"predict", "--allow-cpu", "--store", (folder_.path() / "none").string(), "--source", image_});
  expect_refused(nothing, 3, "migrate");
  expect_refused(nothing, 3, "--model");
}

TEST_F(BadInput, CtrlCHalfWayLeavesWholeFilesOnly) {
  const auto result = predict(model_, std::vector<std::string>(400, image_),
                              {"--json", "out.json", "--save", "saved"}, "40/400");
  EXPECT_EQ(result.status, 130) << result.err;
  const auto json = nlohmann::json::parse(contents_of((folder_.path() / "out.json").string()));
  EXPECT_GE(json.at("images").size(), 40u);
  EXPECT_LT(json.at("images").size(), 400u);
  EXPECT_EQ(json.at("errors").at(0).at("code"), "interrupted");
  EXPECT_EQ(half_written(), 0);
  expect_whole_images(folder_.path() / "saved");
}

}  // namespace
}  // namespace peregrine
