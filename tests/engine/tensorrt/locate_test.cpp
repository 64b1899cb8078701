// Where TensorRT is looked for, which versions are refused, and what becomes of a library that cannot be
// used. The libraries are test doubles (doubles/).
#include "engine/tensorrt/library/locate.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "engine/tensorrt/inspection.h"
#include "engine/tensorrt/probe/probe.h"
#include "engine/tensorrt/tensorrt_builder.h"
#include "peregrine/error.h"
#include "support/error_text.h"
#include "support/test_data.h"

namespace peregrine::tensorrt {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const fs::path doubles = PEREGRINE_DOUBLES;

std::string refusal_of(const fs::path& given, Flavour flavour = Flavour::tensorrt) {
  return error_text([&] { find_installation(flavour, given); });
}

class Locate : public ::testing::Test {
 protected:
  void TearDown() override { unsetenv("TENSORRT_LIB_DIR"); }
};

TEST_F(Locate, VersionsAreToldFromTheirNumbers) {
  EXPECT_EQ(to_string(version_of(10500)), "TensorRT-RTX 1.5.0");
  EXPECT_EQ(to_string(version_of(10701)), "TensorRT-RTX 1.7.1");
  EXPECT_EQ(to_string(version_of(101601)), "TensorRT 10.16.1");
  EXPECT_EQ(to_string(version_of(110100)), "TensorRT 11.1.0");
  EXPECT_EQ(slots_of(version_of(10400)), nullptr);
  EXPECT_EQ(slots_of(version_of(10500)), &slots_rtx);
  EXPECT_EQ(slots_of(version_of(100000)), &slots_10_0);
  EXPECT_EQ(slots_of(version_of(100100)), &slots_10);
  EXPECT_EQ(slots_of(version_of(110000)), &slots_11);
  EXPECT_EQ(to_string(version_of(8503)), "TensorRT 8.5.3");
  EXPECT_EQ(slots_of(version_of(8503)), &slots_8_5);
  EXPECT_EQ(slots_of(version_of(8601)), &slots_8_6);
  EXPECT_EQ(slots_of(version_of(8401)), nullptr);
  EXPECT_EQ(slots_of(version_of(9300)), nullptr);
  EXPECT_EQ(slots_of(version_of(120000)), nullptr);
}

TEST_F(Locate, ElevenComesBeforeTen) {
  const Installation found = find_installation(Flavour::tensorrt, doubles / "both");
  EXPECT_EQ(to_string(found.version.value()), "TensorRT 11.1.0");
  EXPECT_EQ(found.files.parser.filename(), "libnvonnxparser.so.11");
  EXPECT_EQ(found.place, "--tensorrt");
  const Installation ten = find_installation(Flavour::tensorrt, doubles / "both" / "libnvinfer.so.10");
  EXPECT_EQ(ten.version->major, 10);
}

TEST_F(Locate, TheFolderOfAnUnpackedWheelServes) {
  const test::TemporaryFolder packages;
  fs::create_directory_symlink(doubles / "both", packages.path() / "tensorrt");
  EXPECT_EQ(find_installation(Flavour::tensorrt, packages.path()).version->major, 11);
}

TEST_F(Locate, OtherVersionsAreRefusedByName) {
  EXPECT_THAT(refusal_of(doubles / "old"), AllOf(StartsWith("environment.tensorrt"),
                                                 HasSubstr("libnvinfer.so.8"), HasSubstr("TensorRT 8.4.1")));
  EXPECT_THAT(refusal_of(doubles / "new"), AllOf(HasSubstr("TensorRT 12.0.0"), HasSubstr("not supported")));
  EXPECT_THAT(refusal_of(doubles / "rtx_old", Flavour::rtx), HasSubstr("TensorRT-RTX 1.4.0"));
}

TEST_F(Locate, AMissingParserAndAMissingLibraryAreSaid) {
  EXPECT_THAT(refusal_of(doubles / "alone"), HasSubstr("parser is missing"));
  const test::TemporaryFolder empty;
  EXPECT_THAT(refusal_of(empty.path()),
              AllOf(StartsWith("environment.tensorrt"), HasSubstr("holds no library")));
  EXPECT_THAT(refusal_of(empty.path() / "nowhere"), HasSubstr("holds no library"));
  std::ofstream(empty.path() / "libnvinfer.so.10") << "text";
  EXPECT_THAT(refusal_of(empty.path()), HasSubstr("could not be loaded"));
}

TEST_F(Locate, TheVariableComesBeforeOtherPlaces) {
  setenv("TENSORRT_LIB_DIR", (doubles / "both").c_str(), 1);
  const auto all = find_installations({});
  ASSERT_GE(all.size(), 2u);
  EXPECT_EQ(all[0].place, "TENSORRT_LIB_DIR");
  EXPECT_EQ(all[1].place, "TENSORRT_LIB_DIR");
}

TEST_F(Locate, ALibraryOfAnotherLayoutCrashesOnlyTheProbe) {
  const LibraryFiles files{doubles / "crashing" / "libnvinfer.so.11",
                           doubles / "crashing" / "libnvonnxparser.so.11"};
  EXPECT_THAT(probe(files, 0, {}).failure, HasSubstr("crashed"));
  const auto builder = make_tensorrt_builder(Flavour::tensorrt, {.library = doubles / "crashing"});
  EXPECT_EQ(builder->name(), "tensorrt");
  EXPECT_THAT(error_text([&] { (void)builder->library_versions(); }),
              AllOf(StartsWith("environment.tensorrt"), HasSubstr("crashed")));
}

TEST_F(Locate, ALibraryThatRefusesItselfIsNotUsed) {
  const auto builder = make_tensorrt_builder(Flavour::tensorrt, {.library = doubles / "both"});
  EXPECT_THAT(error_text([&] { (void)builder->library_versions(); }),
              AllOf(StartsWith("environment.tensorrt"), HasSubstr("could not make a builder")));
}

TEST(Inspection, CountsTheTypesOfOutputs) {
  const std::string json =
      R"({"Layers": [{"Name": "a", "Outputs": [{"Format/Datatype": "Half NHWC"}]}, {"Name": "b",
          "Outputs": [{"Format/Datatype": "Float"}]}]})";
  EXPECT_EQ(summarize(inspected_layers(json), {}), "1 of 2 layers give FP16; in FP32: 'b'.");
  EXPECT_EQ(summarize(inspected_layers(R"({"Layers": [{"Name": "c", "Outputs": [{"Name": "Float FP32",
                "Format/Datatype": "Half"}]}]})"),
                      {}),
            "1 of 1 layers give FP16.");
  // As 8.5.3 tells of an engine with an open batch.
  const std::string open = R"({"Layers": [
      {"Name": "conv", "Outputs": [{"Name": "x", "Format/Datatype": "N/A due to dynamic shapes"}],
       "Weights": {"Type": "Half", "Count": 2352}},
      {"Name": "pool", "Outputs": [{"Name": "y", "Format/Datatype": "N/A due to dynamic shapes"}]},
      {"Name": "last", "Outputs": [{"Name": "z", "Format/Datatype": "N/A due to dynamic shapes"}],
       "Weights": {"Type": "Float", "Count": 16}}]})";
  EXPECT_EQ(summarize(inspected_layers(open), {}), "1 of 2 layers give FP16; in FP32: 'last'.");
  EXPECT_EQ(summarize(inspected_layers("no JSON"), {}), "");
  EXPECT_EQ(summarize(inspected_layers(R"({"Layers": []})"), {}), "");
}

class Audit : public testing::Test {
 protected:
  static InspectedLayer layer(const char* name, const char* kind, bool gives_fp32,
                              std::vector<std::string> inputs = {}, std::vector<std::string> outputs = {}) {
    return {name, kind, gives_fp32, std::move(inputs), std::move(outputs)};
  }
  std::string refusal(const std::vector<InspectedLayer>& layers) const {
    return error_text([&] { require_fp16(layers, wanted_); });
  }
  const WantedPrecision wanted_{
      .fp32_layers = {{"decode.boxes", "pixels"}, {"decode.ends", "pixels"}},
      .nodes = {"model.0.conv", "model.1", "model.3", "decode.boxes", "decode.boxes2", "decode.ends"}};
};

TEST_F(Audit, LayersInFp32AreExcusedByTheirNodesOrByComputingNothing) {
  const auto beside = [&](const char* name, const char* kind) {
    return refusal({layer("model.0.conv", "CaskConvolution", false), layer(name, kind, true)});
  };
  EXPECT_EQ(beside("PWN(decode.boxes.sigmoid, decode.boxes)", "PointWise"), "no error");
  EXPECT_EQ(beside("{ForeignNode[model.1...decode.boxes]}", "Myelin"), "no error");
  EXPECT_EQ(beside("Reformatting CopyNode for Input Tensor 0 to model.3", "Reformat"), "no error");
  EXPECT_EQ(beside("(Unnamed Layer* 7) [Shuffle]", "Shuffle"), "no error");
  EXPECT_THAT(beside("decode.boxes2 + model.3", "PointWise"),
              AllOf(StartsWith("engine.precision"), HasSubstr("layer 'decode.boxes2 + model.3' in FP32")));
  EXPECT_THAT(refusal({}), StartsWith("engine.precision"));
  EXPECT_EQ(summarize({layer("decode.boxes", "PointWise", true)}, wanted_),
            "0 of 1 layers give FP16; in FP32: 'decode.boxes' (pixels).");
}

/// What the parser puts in is known by its neighbours, not by its name.
TEST_F(Audit, WhatTheParserPutInIsExcusedBetweenLayersInFp32Alone) {
  const auto between = [&](const char* before, const char* behind, const char* name) {
    return refusal({layer("(Unnamed Layer* 2) [Constant]", "Constant", true, {}, {"c"}),
                    layer(before, "PointWise", wanted_.keeps_fp32(before), {"x"}, {"a"}),
                    layer("(Unnamed Layer* 3) [Shuffle]", "Shuffle", true, {"a"}, {"b"}),
                    layer(name, "PointWise", true, {"b", "c"}, {"d"}),
                    layer(behind, "PointWise", wanted_.keeps_fp32(behind), {"d"}, {"y"})});
  };
  const char* unnamed = "(Unnamed Layer* 4) [ElementWise]";
  EXPECT_EQ(between("decode.boxes", "decode.ends", unnamed), "no error");
  for (const auto& [before, behind] : {std::pair{"model.1", "decode.ends"},
                                       std::pair{"decode.boxes", "model.1"}, std::pair{"model.1", "model.3"}})
    EXPECT_THAT(between(before, behind, unnamed),
                HasSubstr("layer '(Unnamed Layer* 4) [ElementWise]' in FP32"));
  EXPECT_THAT(between("decode.boxes", "decode.ends", "model.3"), HasSubstr("layer 'model.3' in FP32"));
  // Nothing in front of it is known to be in FP32; behind it, an output is.
  EXPECT_THAT(refusal({layer(unnamed, "PointWise", true, {"x"}, {"d"}),
                       layer("decode.boxes", "PointWise", true, {"d"}, {"y"})}),
              HasSubstr(unnamed));
  EXPECT_EQ(refusal({layer("decode.boxes", "PointWise", true, {"x"}, {"d"}),
                     layer(unnamed, "PointWise", true, {"d"}, {"y"})}),
            "no error");
}

TEST_F(Audit, ALayerThatWasToStayInFp32AndDidNotIsAnError) {
  const auto built = [&](const char* name, const char* kind) {
    return refusal(
        {layer(name, kind, false, {"x"}, {"a"}), layer("model.1", "PointWise", false, {"a"}, {"y"})});
  };
  for (const char* name :
       {"decode.boxes", "PWN(decode.boxes.sigmoid, decode.boxes)", "decode.boxes + model.3"})
    EXPECT_THAT(built(name, "PointWise"),
                AllOf(StartsWith("engine.precision"), HasSubstr("FP32 was asked for in layer '"),
                      HasSubstr(std::string(name) + "' (pixels), and TensorRT built it in FP16"),
                      HasSubstr("Build with --precision fp32.")));
  EXPECT_THAT(built("decode.ends", "Slice"), HasSubstr("in FP16")) << "what it passes on is rounded";
  EXPECT_EQ(built("Reformatting CopyNode for Input Tensor 0 to decode.boxes", "Reformat"), "no error");
  EXPECT_EQ(built("{ForeignNode[decode.boxes...model.1]}", "Myelin"), "no error")
      << "it tells nothing inside";
  EXPECT_EQ(refusal({layer("decode.boxes", "PointWise", false, {"x"}, {"y"})}), "no error")
      << "outputs are FP16 as they were asked for";
  EXPECT_THAT(not_told({layer("PWN(decode.boxes)", "PointWise", true)}, wanted_),
              testing::ElementsAre("decode.ends"));
}

}  // namespace
}  // namespace peregrine::tensorrt
