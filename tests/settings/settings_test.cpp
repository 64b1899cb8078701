#include "peregrine/settings.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "peregrine/error.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

class SettingsTest : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& text) {
    const auto path = folder_.path() / "p.toml";
    std::ofstream(path) << text;
    return path;
  }
  std::string failure(const SettingSources& sources) {
    try {
      load_settings(sources);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  std::string origin_of(const LoadedSettings& loaded, std::string_view name) {
    for (const auto& setting : loaded.effective)
      if (setting.name == name) return setting.origin;
    return "";
  }
  void TearDown() override { unsetenv("PEREGRINE_IOU"); }

  test::TemporaryFolder folder_;
};

TEST_F(SettingsTest, DefaultsAreTheDesigns) {
  const Settings settings = load_settings({write(""), {}}).settings;
  EXPECT_TRUE(settings.enable_tensorrt && settings.tensorrt_fp16 && settings.force_gpu_only);
  EXPECT_EQ(settings.device, 0);
  EXPECT_FLOAT_EQ(settings.model_confidence_threshold, 0.25f);
  EXPECT_FLOAT_EQ(settings.iou, 0.7f);
  EXPECT_EQ(settings.max_det, 300);
  EXPECT_FALSE(settings.imgsz || settings.precision);
}

TEST_F(SettingsTest, LaterSourcesWin) {
  const auto file = write(
      "IOU = 0.5\nMAX_DET = 10\nFORCE_GPU_ONLY = false\nDEVICE = \"cuda:3\"\n[models]\ndetect = \"a "
      "b.pt\"\n");
  setenv("PEREGRINE_IOU", "0.6", 1);
  const LoadedSettings loaded = load_settings({file, {{"MAX_DET", "20"}}});
  EXPECT_FLOAT_EQ(loaded.settings.iou, 0.6f);
  EXPECT_EQ(loaded.settings.max_det, 20);
  EXPECT_FALSE(loaded.settings.force_gpu_only);
  EXPECT_EQ(loaded.settings.device, 3);
  EXPECT_EQ(loaded.settings.detect_model, "a b.pt");
  EXPECT_EQ(origin_of(loaded, "IOU"), "environment");
  EXPECT_EQ(origin_of(loaded, "MAX_DET"), "flag");
  EXPECT_EQ(origin_of(loaded, "DEVICE"), file.string());
  EXPECT_EQ(origin_of(loaded, "BATCH"), "default");
}

/// As shells and service files unset a variable that they cannot remove.
TEST_F(SettingsTest, AnEmptyVariableIsNone) {
  setenv("PEREGRINE_IOU", "", 1);
  const LoadedSettings loaded = load_settings({write("IOU = 0.5\n"), {}});
  EXPECT_FLOAT_EQ(loaded.settings.iou, 0.5f);
  EXPECT_NE(origin_of(loaded, "IOU"), "environment");
}

TEST_F(SettingsTest, AnInputSizeIsOneNumberOrHeightAndWidth) {
  const auto from_file = [&](const std::string& text) {
    return load_settings({write("IMGSZ = " + text + "\n"), {}});
  };
  EXPECT_EQ(from_file("320").settings.imgsz, InputSize(320, 320));
  EXPECT_EQ(from_file("\"320\"").settings.imgsz, InputSize(320));
  EXPECT_EQ(from_file("[192, 320]").settings.imgsz, InputSize(192, 320));
  EXPECT_EQ(from_file("\"192,320\"").settings.imgsz, InputSize(192, 320));
  EXPECT_EQ(load_settings({write(""), {{"IMGSZ", "192, 320"}}}).settings.imgsz, InputSize(192, 320));
  EXPECT_EQ(load_settings({write(""), {{"IMGSZ", "[192, 320]"}}}).settings.imgsz, InputSize(192, 320));
  setenv("PEREGRINE_IMGSZ", "64,96", 1);
  const LoadedSettings loaded = from_file("320");
  unsetenv("PEREGRINE_IMGSZ");
  EXPECT_EQ(loaded.settings.imgsz, InputSize(64, 96));
  EXPECT_TRUE(std::ranges::any_of(loaded.effective, [](const EffectiveSetting& setting) {
    return setting.name == "IMGSZ" && setting.value == "64,96" && setting.origin == "environment";
  }));
  for (const char* wrong : {"", "31", "8193", "192,", ",320", "192,16", "192,320,3", "192x320", "192.5,320",
                            "[192,320", "-192,320"})
    EXPECT_THAT(failure({write(""), {{"IMGSZ", wrong}}}), testing::HasSubstr("or two as HEIGHT,WIDTH"))
        << wrong;
}

TEST_F(SettingsTest, LimitsAreATableOfTheirOwn) {
  const ParityLimits limits =
      load_settings({write("[limits]\nbox_px = 3.5\nshare_after_nms = 0.5\n"), {}}).settings.limits;
  EXPECT_FLOAT_EQ(limits.box_px, 3.5f);
  EXPECT_FLOAT_EQ(limits.share_after_nms, 0.5f);
  EXPECT_FLOAT_EQ(limits.confidence, 0.02f);
  EXPECT_FLOAT_EQ(limits.cpu_share, 0.85f);
  EXPECT_FLOAT_EQ(limits.cpu_px, 5);
  EXPECT_FLOAT_EQ(limits.cpu_confidence, 0.05f);
  EXPECT_FLOAT_EQ(limits.average_precision, 0.005f);
  EXPECT_THAT(failure({write("[limits]\nmask_iou = 2\n"), {}}), testing::HasSubstr("limits.mask_iou"));
}

TEST_F(SettingsTest, UnknownKeyOffersTheNearest) {
  const std::string text = failure({write("MODEL_CONFIDENCE_TRESHOLD = 0.3\n"), {}});
  EXPECT_THAT(text, testing::HasSubstr("MODEL_CONFIDENCE_TRESHOLD"));
  EXPECT_THAT(text, testing::HasSubstr("Did you mean MODEL_CONFIDENCE_THRESHOLD?"));
}

TEST_F(SettingsTest, WrongValuesNameTheValueAndWhatIsExpected) {
  EXPECT_THAT(failure({write("IOU = 1.5\n"), {}}), testing::HasSubstr("a number from 0 to 1"));
  EXPECT_THAT(failure({write("DEVICE = \"gpu0\"\n"), {}}), testing::HasSubstr("cuda:N"));
  EXPECT_THAT(failure({write("FORCE_GPU_ONLY = \"maybe\"\n"), {}}), testing::HasSubstr("true or false"));
  EXPECT_THAT(failure({write("IOU = [1, 2]\n"), {}}), testing::HasSubstr("a number from 0 to 1"));
  EXPECT_THAT(failure({write(""), {{"PRECISION", "int8"}}}), testing::HasSubstr("fp16, fp32 or bf16"));
}

TEST_F(SettingsTest, BrokenFileNamesTheLine) {
  EXPECT_THAT(failure({write("IOU = 0.5\nMAX_DET = \n"), {}}), testing::HasSubstr("line 2"));
  EXPECT_THAT(failure({folder_.path() / "none.toml", {}}), testing::HasSubstr("cannot be read"));
  ASSERT_EQ(::mkfifo((folder_.path() / "pipe").c_str(), 0600), 0);  // nobody writes to it
  EXPECT_THAT(failure({folder_.path() / "pipe", {}}), testing::HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace peregrine
