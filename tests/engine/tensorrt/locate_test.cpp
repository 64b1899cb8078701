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
  EXPECT_EQ(summarize(inspected_layers("no JSON"), {}), "");
  EXPECT_EQ(summarize(inspected_layers(R"({"Layers": []})"), {}), "");
}

TEST(Inspection, LayersInFp32AreExcusedByTheirNodesOrByComputingNothing) {
  const auto layer = [](const char* name, const char* kind) { return InspectedLayer{name, kind, true}; };
  const std::map<std::string, std::string> marked{{"decode.boxes", "pixels"}};
  const auto refusal = [&](const InspectedLayer& one) {
    return error_text([&] { require_fp16({{"model.0.conv", "CaskConvolution", false}, one}, marked); });
  };
  EXPECT_EQ(refusal(layer("PWN(decode.boxes.sigmoid, decode.boxes)", "PointWise")), "no error");
  EXPECT_EQ(refusal(layer("{ForeignNode[model.1...decode.boxes]}", "Myelin")), "no error");
  EXPECT_EQ(refusal(layer("Reformatting CopyNode for Input Tensor 0 to model.3", "Reformat")), "no error");
  EXPECT_THAT(refusal(layer("decode.boxes2 + model.3", "PointWise")),
              AllOf(StartsWith("engine.precision"), HasSubstr("layer 'decode.boxes2 + model.3'")));
  EXPECT_THAT(error_text([&] { require_fp16({}, marked); }), StartsWith("engine.precision"));
  EXPECT_EQ(summarize({layer("decode.boxes", "PointWise")}, marked),
            "0 of 1 layers give FP16; in FP32: 'decode.boxes' (pixels).");
}

}  // namespace
}  // namespace peregrine::tensorrt
