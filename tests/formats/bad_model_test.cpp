// Files that are no models, or bad ones: each is one sentence with the file's name, in the family "model".
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "formats/model.h"
#include "peregrine/error.h"
#include "support/checkpoint_writer.h"
#include "support/test_data.h"
#include "support/zip_writer.h"

namespace peregrine {
namespace {

std::string data(const std::string& name) {
  std::ifstream file(test::repository_file("tests/formats/data/" + name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What reading the bytes as "models/evil.pt" gives.
struct FrameResult {
  std::string code = "no error", sentence, hint;
};

FrameResult read(const std::string& file) {
  try {
    read_model(std::as_bytes(std::span(file)), "models/evil.pt");
    return {};
  } catch (const Error& error) {
    return {error.code(), error.sentence(), error.hint()};
  }
}

void expect_error(const std::string& file, const std::string& code, const std::string& words) {
  const FrameResult outcome = read(file);
  EXPECT_EQ(outcome.code, code) << outcome.sentence;
  EXPECT_TRUE(outcome.sentence.starts_with("models/evil.pt: ")) << outcome.sentence;
  EXPECT_TRUE(outcome.sentence.ends_with(".")) << outcome.sentence;
  EXPECT_NE(outcome.sentence.find(words), std::string::npos) << outcome.sentence;
  EXPECT_FALSE(outcome.hint.empty());
}

TEST(BadModel, NoModelAtAll) {
  expect_error("", "model.empty", "is empty");
  expect_error("hello", "model.unknown", "no model that Peregrine knows");
  expect_error("<!DOCTYPE html>", "model.unknown", "web page");
  expect_error("version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "model.unknown",
               "pointer of Git LFS");
  expect_error(test::write_zip({{"readme.txt", "hello"}}), "model.unknown", "no data.pkl");
  expect_error(test::write_zip({{"a/data.pkl", test::pickle("}")}, {"a/constants.pkl", ""}}), "model.unknown",
               "TorchScript");
  expect_error(test::write_checkpoint(test::pickle("N"), {}), "model.unknown",
               "neither an Ultralytics model nor an OSNet");
  expect_error(test::write_state_dict({{"layer.weight", {1}, {0}}}, "", ""), "model.unknown",
               "neither an Ultralytics model nor an OSNet");
}

TEST(BadModel, FilesThatCannotBeRead) {
  const test::TemporaryFolder folder;
  const auto sentence_of = [](const std::filesystem::path& path) {
    try {
      load_model(path);
    } catch (const Error& error) {
      return error.code() + " " + error.sentence();
    }
    return std::string();
  };
  EXPECT_EQ(sentence_of(folder.path() / "no.pt"),
            "model.missing " + (folder.path() / "no.pt").string() + ": the file does not exist.");
  EXPECT_EQ(sentence_of(folder.path()), "model.unreadable " + folder.path().string() + ": it is not a file.");
  const std::filesystem::path odd = folder.path() / "caf\xe9.pt";
  std::ofstream(odd) << "hello";
  EXPECT_NE(sentence_of(odd).find("caf\\xe9.pt: "), std::string::npos);
}

TEST(BadModel, APickleThatCallsTheSystem) {
  const std::string call =
      test::pickle_call(test::pickle_global("os", "system"), {test::pickle_text("touch /tmp/owned")});
  expect_error(test::write_checkpoint(test::pickle(test::pickle_dict({{"model", call}})), {}),
               "model.refused", "os.system");
  const std::string eval =
      test::pickle_call(test::pickle_global("builtins", "eval"), {test::pickle_text("1")});
  expect_error(test::write_checkpoint(test::pickle(test::pickle_dict({{"train_args", eval}})), {}),
               "model.refused", "builtins.eval");
}

TEST(BadModel, AnArchiveThatClaimsTooMuch) {
  expect_error(test::write_zip({{"a/data.pkl", test::pickle("}")}, {"a/data/0", "x", 1u << 30}}),
               "model.size", "16 times its size");
  std::vector<test::ZipEntry> many{{"a/data.pkl", test::pickle("}")}};
  for (int i = 0; i < 8; ++i) many.push_back({"a/data/" + std::to_string(i), "x", 0xfffffff0u});
  expect_error(test::write_zip(many), "model.size", "16 times its size");
}

TEST(BadModel, TruncatedAnywhere) {
  for (const char* name : {"tiny-segment.pt", "tiny-pose.pt"}) {
    const std::string whole = data(name);
    ASSERT_EQ(read(whole).code, "no error");
    for (std::size_t length = 0; length < whole.size(); length += 1 + length / 24) {
      const FrameResult outcome = read(whole.substr(0, length));
      EXPECT_TRUE(outcome.code.starts_with("model.")) << name << " cut at " << length;
    }
    EXPECT_TRUE(read(whole.substr(0, whole.size() - 1)).code.starts_with("model.")) << name;
  }
}

TEST(BadModel, AnArchiveWithAFlippedBitInAnyEntry) {
  const std::string whole = data("tiny-segment.pt");
  int noticed = 0, flips = 0;
  for (std::size_t at = 0; at < whole.size(); at += 97, ++flips) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    const FrameResult outcome = read(flipped);
    EXPECT_TRUE(outcome.code == "no error" || outcome.code.starts_with("model.")) << outcome.code;
    noticed += outcome.code != "no error";
  }
  // Padding and fields that nobody reads make up the rest.
  EXPECT_GT(noticed, flips / 2);
}

TEST(BadModel, AStreamWithAFlippedBitNeverEscapesTheFamily) {
  const std::string whole = data("tiny-pose.pt");
  for (std::size_t at = 0; at < whole.size(); at += 41) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    const FrameResult outcome = read(flipped);
    EXPECT_TRUE(outcome.code == "no error" || outcome.code.starts_with("model."))
        << at << " " << outcome.code;
  }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST(BadModel, AnUnknownModuleIsNamed) {
  expect_error(replaced(data("tiny-pose.pt"),
                        "\x05"
                        "C2PSA",
                        "\x05"
                        "C9XYZ"),
               "model.unsupported", "'model.5' is a module of class ultralytics.nn.modules.block.C9XYZ");
}

using Attributes = std::vector<std::pair<std::string, std::string>>;

/// A module as a checkpoint has it: place and name of its class, attributes, children.
std::string module(const std::string& place, const std::string& name, const Attributes& attributes,
                   const std::string& children) {
  Attributes state = attributes;
  state.emplace_back("_modules", children);
  return test::pickle_call(test::pickle_global(place, name), {}) + test::pickle_dict(state) + "b";
}

/// A network of Ultralytics around the modules of its list.
std::string network(const std::string& modules, const std::string& kind = "DetectionModel") {
  const std::string list = module("torch.nn.modules.container", "Sequential", {}, modules);
  return module("ultralytics.nn.tasks", kind, {}, test::pickle_dict({{"model", list}}));
}

/// A checkpoint whose modules are of these classes, in this order, each after the one before; the last may
/// have children.
std::string chain(const std::vector<std::pair<std::string, std::string>>& classes,
                  const std::string& children = test::pickle_dict({})) {
  std::vector<std::pair<std::string, std::string>> modules;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const auto& [file, name] = classes[i];
    const std::string state =
        test::pickle_dict({{"f", test::pickle_integer(-1)},
                           {"_modules", i + 1 == classes.size() ? children : test::pickle_dict({})}});
    modules.emplace_back(
        std::to_string(i),
        test::pickle_call(test::pickle_global("ultralytics.nn.modules." + file, name), {}) + state + "b");
  }
  return test::write_checkpoint(
      test::pickle(test::pickle_dict({{"model", network(test::pickle_dict(modules))}})), {});
}

TEST(BadModel, OfAnUnsupportedFamilyTheFirstUnknownModuleIsNamed) {
  const auto is_named = [](const std::string& file, const std::string& words) {
    expect_error(file, "model.unsupported", words);
  };
  is_named(chain({{"conv", "Conv"}, {"head", "OBB"}}),
           "'model.1' is a module of class ultralytics.nn.modules.head.OBB");
  is_named(chain({{"conv", "Conv"}, {"head", "Classify"}}),
           "'model.1' is a module of class ultralytics.nn.modules.head.Classify");
  is_named(chain({{"block", "C3k2"}, {"head", "Pose26"}}),
           "'model.1' is a module of class ultralytics.nn.modules.head.Pose26");
  is_named(chain({{"conv", "Conv"}, {"block", "SCDown"}, {"block", "PSA"}, {"head", "v10Detect"}}),
           "'model.1' is a module of class ultralytics.nn.modules.block.SCDown");
  // YOLO26's head of boxes is a Detect with a second set of branches, which needs no NMS.
  const std::string branches =
      test::pickle_call(test::pickle_global("torch.nn.modules.container", "ModuleList"), {}) +
      test::pickle_dict({{"_modules", test::pickle_dict({})}}) + "b";
  is_named(chain({{"block", "C3k2"}, {"head", "Detect"}}, test::pickle_dict({{"one2one_cv2", branches}})),
           "'model.1' (ultralytics.nn.modules.head.Detect) is an end-to-end head without NMS");
}

TEST(BadModel, AModuleThatContainsItselfEnds) {
  // Sequential, memoised as 7, has itself as its only child, over and over.
  std::string loop =
      test::pickle_call(test::pickle_global("torch.nn.modules.container", "Sequential"), {}) + "q\x07";
  loop += test::pickle_dict(
              {{"f", test::pickle_integer(-1)}, {"_modules", test::pickle_dict({{"0", "h\x07"}})}}) +
          "b";
  const std::string head =
      test::pickle_call(test::pickle_global("ultralytics.nn.modules.head", "Detect"), {}) +
      test::pickle_dict({{"f", test::pickle_integer(-1)},
                         {"nl", test::pickle_integer(1)},
                         {"nc", test::pickle_integer(1)},
                         {"reg_max", test::pickle_integer(1)},
                         {"stride", test::pickle_tensor({.storage_elements = 1, .shape = {1}})}}) +
      "b";
  const std::string tree = network(test::pickle_dict({{"0", loop}, {"1", head}}));
  const std::string one(reinterpret_cast<const char*>("\0\0\x80\x3f"), 4);
  expect_error(test::write_checkpoint(test::pickle(test::pickle_dict({{"model", tree}})), {one}),
               "model.unsupported", "too deep");
}

TEST(BadModel, AnOsnetWithoutATensorSaysWhich) {
  const std::vector<test::NamedTensor> some{{"conv1.conv.weight", {1, 3, 7, 7}, std::vector<float>(147)},
                                            {"conv2.0.gate.fc1.weight", {1}, {0}},
                                            {"conv5.conv.weight", {1}, {0}}};
  expect_error(test::write_state_dict(some, "", ""), "model.state", "no tensor 'conv1.bn.weight'");
}

}  // namespace
}  // namespace peregrine
