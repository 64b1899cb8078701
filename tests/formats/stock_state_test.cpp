// Modules are what their full names and their state say: a checkpoint with one thing changed is read as what
// it is, or refused by name. The changes are made in tiny-pose.pt, whose older layout has no checksums.
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <limits>

#include "core/log.h"
#include "formats/model.h"
#include "peregrine/error.h"
#include "support/checkpoint_writer.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct Change {
  std::string from, to;
};

/// A text as pickle's protocol 4 has it.
std::string text(const std::string& value) { return "\x8c"s + static_cast<char>(value.size()) + value; }

Change renamed(const std::string& from, const std::string& to) { return {text(from), text(to)}; }

std::string changed(const std::vector<Change>& changes) {
  std::ifstream stream(test::repository_file("tests/formats/data/tiny-pose.pt"), std::ios::binary);
  std::string file{std::istreambuf_iterator<char>(stream), {}};
  for (const Change& change : changes) {
    const std::size_t at = file.find(change.from);
    EXPECT_NE(at, std::string::npos) << change.from;
    if (at != std::string::npos) file.replace(at, change.from.size(), change.to);
  }
  return file;
}

ModelInfo read(const std::vector<Change>& changes) {
  const std::string file = changed(changes);
  return read_model(std::as_bytes(std::span(file)), "changed.pt").info();
}

/// "code sentence" of the refusal.
std::string refusal_of(const std::string& file) {
  try {
    read_model(std::as_bytes(std::span(file)), "changed.pt");
    return "no refusal";
  } catch (const Error& error) {
    EXPECT_FALSE(error.hint().empty()) << error.sentence();
    return error.code() + " " + error.sentence();
  }
}

std::string refusal(const std::vector<Change>& changes) { return refusal_of(changed(changes)); }

const std::string block = "ultralytics.nn.modules.block", conv = "ultralytics.nn.modules.conv",
                  head = "ultralytics.nn.modules.head";

TEST(StockState, ModulesAreKnownByTheirFullNames) {
  EXPECT_THAT(refusal({renamed(block, "ultralytics.nn.extra_modules.block")}),
              HasSubstr("model.unsupported changed.pt: 'model.2' is a module of class "
                        "ultralytics.nn.extra_modules.block.C3k2"));
  EXPECT_THAT(refusal({renamed(conv, "ultralytics.nn.modules.fasterconv")}),
              HasSubstr("'model.0' is a module of class ultralytics.nn.modules.fasterconv.Conv"));
  EXPECT_THAT(refusal({renamed(head, "ultralytics.nn.heads")}),
              HasSubstr("is a module of class ultralytics.nn.heads.Pose"));
  EXPECT_THAT(refusal({renamed("torch.nn.modules.activation", "torch.ao.nn.quantized.modules")}),
              HasSubstr("'model.0.act' is a module of class torch.ao.nn.quantized.modules.SiLU"));
  EXPECT_THAT(refusal({renamed("torch.nn.modules.batchnorm", "torch.nn.modules.normalize")}),
              HasSubstr("'model.0.bn' is a module of class torch.nn.modules.normalize.BatchNorm2d"));
  EXPECT_THAT(refusal({renamed("torch.nn.modules.container", "torch.nn.modules.containers")}),
              HasSubstr("'model' is a module of class torch.nn.modules.containers.Sequential"));
  EXPECT_THAT(refusal({renamed("PoseModel", "MyModel")}), HasSubstr("ultralytics.nn.tasks.MyModel"));
}

/// The hint of a checkpoint whose first block has that full class name.
std::string hint_for(const std::string& place, const std::string& name) {
  const std::string file = changed({renamed(block, place), renamed("C3k2", name)});
  try {
    read_model(std::as_bytes(std::span(file)), "changed.pt");
  } catch (const Error& error) {
    return error.hint();
  }
  return "no refusal";
}

TEST(StockState, HintsAreOfTheKindOfModule) {
  // ONNX exports of networks with these were read: yolov9t, yolov8n-ghost, yolov10n and yolo26n
  // (end2end=False).
  for (const char* name : {"ELAN1", "C3Ghost", "SCDown"})
    EXPECT_THAT(hint_for(block, name), HasSubstr("format=onnx (with end2end=False for YOLOv10 and YOLO26)"))
        << name;
  EXPECT_THAT(hint_for("ultralytics.nn.extra", "C3k2"), HasSubstr("only stock modules are read"));
  EXPECT_THAT(hint_for("torch.nn.modules.act", "Hardswish"), HasSubstr("supported layers"));
}

TEST(StockState, HintsAreOfTheHeadWhereItsFilesAreNotReadEither) {
  // Their ONNX exports were refused, too: rtdetr-l, yolov8-cls-resnet50, yolo26n-sem and -depth, yoloe-11n.
  const auto hint_with = [](const char* of_block, const char* of_head) {
    const std::string file = changed({renamed("C3k2", of_block), renamed("Pose", of_head)});
    try {
      read_model(std::as_bytes(std::span(file)), "changed.pt");
    } catch (const Error& error) {
      return error.hint();
    }
    return std::string();
  };
  EXPECT_THAT(hint_with("HGStem", "RTDETRDecoder"), HasSubstr("Give a YOLOv8"));
  EXPECT_THAT(hint_with("C2fAttn", "WorldDetect"), HasSubstr("Give a YOLOv8"));
  EXPECT_THAT(hint_with("C3k2", "YOLOEDetect"), HasSubstr("Give a YOLOv8"));
  EXPECT_THAT(hint_with("ResNetLayer", "Classify"), HasSubstr("Give a model that detects"));
  for (const char* of_head : {"SemanticSegment", "Depth", "OBB26"})
    EXPECT_THAT(hint_with("C3k2", of_head), HasSubstr("Give a model that detects")) << of_head;
  EXPECT_THAT(hint_with("C3k2", "Pose26"), HasSubstr("format=onnx"));
}

TEST(StockState, WhereVersion80KeptThemTheyAreKnown) {
  const std::string older = "ultralytics.nn.modules";
  EXPECT_EQ(read({renamed(block, older), renamed(conv, older), renamed(head, older)}).task, Task::pose);
}

TEST(StockState, WhatAModuleOfThatNameDoesNotHoldIsNamed) {
  EXPECT_THAT(refusal({renamed("add", "sub")}),
              HasSubstr("(ultralytics.nn.modules.block.Bottleneck) has the attribute 'sub'"));
  EXPECT_THAT(refusal({renamed("cv3", "cv9")}),
              HasSubstr("(ultralytics.nn.modules.head.Pose) has the part 'cv9'"));
  EXPECT_THAT(refusal({renamed("ffn", "mlp")}),
              HasSubstr("(ultralytics.nn.modules.block.PSABlock) has the part 'mlp'"));
  EXPECT_THAT(refusal({renamed("num_batches_tracked", "alpha")}),
              HasSubstr("(torch.nn.modules.batchnorm.BatchNorm2d) has the tensor 'alpha'"));
  // The numbers of the four bins, in halves.
  EXPECT_THAT(
      refusal({{"\0\0\0\x3c\0\x40\0\x42"s, "\0\0\0\x3c\0\x40\0\x43"s}}),
      HasSubstr("'model.9.dfl.conv' (torch.nn.modules.conv.Conv2d) does not hold the numbers 0 to 3"));
}

TEST(ClassNames, AreTextsWhateverTheFileHolds) {
  const std::string person = text("person") + "\x94";
  EXPECT_THAT(read({{person, "K\x07\x94"}}).class_names, ElementsAre("7", "dog"));
  EXPECT_THAT(read({{person, "G\x3f\xf8\0\0\0\0\0\0\x94"s}}).class_names, ElementsAre("1.5", "dog"));
  EXPECT_THAT(read({{person, "N\x94"}}).class_names, ElementsAre("None", "dog"));
  EXPECT_THAT(read({{person, "\x88\x94"}}).class_names, ElementsAre("True", "dog"));
  EXPECT_THAT(read({{"K\0"s + text("person"), text("0") + text("person")}}).class_names,
              ElementsAre("person", "dog"));
  EXPECT_THAT(refusal({{"K\x01" + text("dog"), "K\x02" + text("dog")}}),
              HasSubstr("model.names changed.pt: the class names have gaps: 2 names for the indices 0 to 2"));
  EXPECT_THAT(refusal({{"K\0"s + text("person"), text("a") + text("person")}}),
              HasSubstr("the class names are not by index"));
}

/// numpy._core.multiarray.scalar(dtype(code), bytes), as torch.save writes one.
std::string numpy_scalar(const std::string& code, const std::string& bytes) {
  return test::pickle_call(
      test::pickle_global("numpy._core.multiarray", "scalar"),
      {test::pickle_call(test::pickle_global("numpy", "dtype"), {test::pickle_text(code)}) + "(K\x03" +
           test::pickle_text("<") + "tb",
       "C" + std::string(1, static_cast<char>(bytes.size())) + bytes});
}

/// What Ultralytics 8.4.190 shows of such files, with NumPy 2.4.
TEST(ClassNames, MayBeNumPysScalars) {
  const std::string person = text("person") + "\x94", index = "K\0"s + text("person");
  const auto name = [&](const std::string& scalar) {
    return read({{person, scalar + "\x94"}}).class_names.front();
  };
  EXPECT_EQ(name(numpy_scalar("U2", "a\0\0\0\xf1\0\0\0"s)), "a\u00f1");
  EXPECT_EQ(name(numpy_scalar("i8", "\x07\0\0\0\0\0\0\0"s)), "7");
  EXPECT_EQ(name(numpy_scalar("u8", "\0\0\0\0\0\0\0\x80"s)), "9223372036854775808");
  EXPECT_EQ(name(numpy_scalar("b1", "\x01")), "True");
  EXPECT_EQ(name(numpy_scalar("f8", "\x9a\x99\x99\x99\x99\x99\xb9\x3f")), "0.1");
  EXPECT_EQ(name(numpy_scalar("f4", "\xcd\xcc\xcc\x3d")), "0.1");
  EXPECT_EQ(name(numpy_scalar("f4", "\0\0\0\x40"s)), "2.0");
  EXPECT_EQ(name(numpy_scalar("f2", "\0\x40"s)), "2.0");
  for (const std::string& key : {numpy_scalar("i8", std::string(8, '\0')), numpy_scalar("U1", "0\0\0\0"s),
                                 numpy_scalar("f4", std::string(4, '\0'))})
    EXPECT_THAT(read({{index, key + text("person")}}).class_names, ElementsAre("person", "dog"));
  const std::string date = numpy_scalar("M8", std::string(8, '\0'));
  EXPECT_THAT(refusal({{person, date + "\x94"}}),
              HasSubstr("the class names are NumPy's scalars of a kind that is not read"));
  EXPECT_THAT(refusal({{index, date + text("person")}}), HasSubstr("NumPy's scalars"));
  EXPECT_THAT(refusal({{person, numpy_scalar("f4", "\0\0\x80\x4b"s) + "\x94"}}),
              HasSubstr("the class names are NumPy's numbers of 16 or 32 bits"))
      << "1.6777216e+07 or 16777216.0, by NumPy's version";
}

TEST(TrainingSize, MayBeOfNumPysScalars) {
  const std::string height = numpy_scalar("i8", "\xe0\0\0\0\0\0\0\0"s);
  const std::string width = numpy_scalar("i4", "\x40\x01\0\0"s);
  const ModelInfo info = read({{"(K\xe0M\x20\x01"s, "(" + height + width}});
  EXPECT_EQ(info.image_height, 224);
  EXPECT_EQ(info.image_width, 320);
}

/// Also where a module keeps them: its stride and the places that its inputs come from.
TEST(StockState, MayHoldNumPysScalars) {
  const std::string one = numpy_scalar("i8", "\x01\0\0\0\0\0\0\0"s);
  const std::string groups = text("groups");
  EXPECT_EQ(read({{groups + "\x94K\x01", groups + "\x94" + one}}).task, Task::pose);
}

TEST(TrainingSize, RoundsUpToWhatTheNetworkTakes) {
  std::string said;
  log::set_sink([&](log::Level, std::string_view message) { said += std::string(message) + "\n"; });
  read({});
  EXPECT_EQ(said, "") << "the file's own size is a multiple";
  const ModelInfo info = read({{"(K\xe0M\x20\x01"s, "(K\x64M\x21\x01"s}});  // [100, 289], stride 8
  log::set_sink({});
  EXPECT_EQ(
      said,
      "changed.pt: the training size 100,289 is rounded up to 104,296: the sides are multiples of 8.\n");
  EXPECT_EQ(info.image_height, 104);
  EXPECT_EQ(info.image_width, 296);
  EXPECT_THAT(refusal({{"(K\xe0M\x20\x01"s, "(K\0M\x20\x01"s}}), HasSubstr("(imgsz) is no size in pixels"));
}

/// Ultralytics 8.4.190 runs such a file at 640, whatever the network's own `args` say.
TEST(TrainingSize, IsThatOfTrainArgsAlone) {
  EXPECT_EQ(read({}).image_height, 224);
  EXPECT_EQ(read({renamed("train_args", "other_args")}).image_height, 640);
}

using Attributes = std::vector<std::pair<std::string, std::string>>;

std::string module(const std::string& place, const std::string& name, const Attributes& state) {
  return test::pickle_call(test::pickle_global(place, name), {}) + test::pickle_dict(state) + "b";
}

/// A network of one convolution with that weight, and a head; nothing behind the convolution is read.
std::string network(const std::vector<std::int32_t>& shape, const std::vector<float>& values,
                    const Attributes& extra = {}) {
  const auto count = static_cast<std::int32_t>(values.size());
  const std::string weight = test::pickle_tensor({.storage_elements = count, .shape = shape});
  const std::string plain =
      module("torch.nn.modules.conv", "Conv2d",
             {{"groups", test::pickle_integer(1)}, {"_parameters", test::pickle_dict({{"weight", weight}})}});
  const std::string first = module(
      conv, "Conv", {{"f", test::pickle_integer(-1)}, {"_modules", test::pickle_dict({{"conv", plain}})}});
  const std::string last =
      module(head, "Detect",
             {{"f", test::pickle_integer(-1)},
              {"nl", test::pickle_integer(1)},
              {"nc", test::pickle_integer(1)},
              {"reg_max", test::pickle_integer(1)},
              {"stride", test::pickle_tensor({.storage = "1", .storage_elements = 1, .shape = {1}})}});
  const std::string list = module("torch.nn.modules.container", "Sequential",
                                  {{"_modules", test::pickle_dict({{"0", first}, {"1", last}})}});
  Attributes state = extra;
  state.emplace_back("_modules", test::pickle_dict({{"model", list}}));
  const std::string tree = module("ultralytics.nn.tasks", "DetectionModel", state);
  const auto bytes = [](const std::vector<float>& floats) {
    return std::string(reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float));
  };
  return test::write_checkpoint(test::pickle(test::pickle_dict({{"model", tree}})),
                                {bytes(values), bytes({4})});
}

TEST(Weights, ThatAreNoNumbersAreNamed) {
  std::vector<float> values(27, 0.5f);
  values[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(refusal_of(network({1, 3, 3, 3}, values)),
              HasSubstr("model.weights changed.pt: model.0.conv.weight has NaN in 1 of 27 values"));
  values[3] = -std::numeric_limits<float>::infinity();
  EXPECT_THAT(refusal_of(network({1, 3, 3, 3}, values)),
              HasSubstr("model.0.conv.weight has Inf in 1 of 27 values"));
}

TEST(Weights, VariancesWithoutARootAreNamed) {
  // An epsilon of -1000 leaves none of the first normalisation's variances above 0.
  EXPECT_THAT(
      refusal({{text("eps") + "\x94G\x3fPbM\xd2\xf1\xa9\xfc", text("eps") + "\x94G\xc0\x8f\x40\0\0\0\0\0"s}}),
      HasSubstr("model.0.bn.running_var has no variance above 0 (epsilon -1000 included) in "));
}

TEST(Channels, OtherThanThreeAreSaidInTheUsersWords) {
  EXPECT_THAT(
      refusal_of(network({1, 1, 3, 3}, std::vector<float>(9))),
      HasSubstr(
          "model.channels changed.pt: the model takes 1 channel; Peregrine reads 3-channel colour images"));
  EXPECT_THAT(refusal_of(network({1, 4, 3, 3}, std::vector<float>(36))), HasSubstr("takes 4 channels"));
  const std::vector<test::NamedTensor> osnet{{"conv1.conv.weight", {1, 1, 7, 7}, std::vector<float>(49)},
                                             {"conv2.0.gate.fc1.weight", {1}, {0}},
                                             {"conv5.conv.weight", {1}, {0}}};
  EXPECT_THAT(refusal_of(test::write_state_dict(osnet, "", "")), HasSubstr("the model takes 1 channel"));
}

TEST(StockState, AForwardPassOfItsOwnOrHooksAreRefused) {
  const std::vector<float> weight(27);
  const std::string hooks = test::pickle_dict({{"7", test::pickle_global("torch", "hook")}});
  EXPECT_THAT(refusal_of(network({1, 3, 3, 3}, weight, {{"_forward_hooks", hooks}})), HasSubstr("has hooks"));
  EXPECT_THAT(refusal_of(network({1, 3, 3, 3}, weight, {{"forward", test::pickle_global("torch", "other")}})),
              HasSubstr("has a forward pass of its own"));
}

}  // namespace
}  // namespace peregrine
