#include "engine_cache/store/manifest.h"

#include <gmock/gmock.h>

#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine_cache/store/json_envelope.h"
#include "engine_cache/store/store_fixture.h"

namespace peregrine::store {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Manifest make_manifest() {
  EngineIdentity identity = make_identity();
  identity.input = {
      .batch_min = 1, .batch_opt = 4, .batch_max = 16, .height = 320, .width = 640, .any_size = false};
  identity.options = {{"threads", "2"}};
  return {.id = id_of(identity),
          .identity = identity,
          .model = {.task = Task::segment,
                    .name = "yolo11n-seg.pt",
                    .path = {},
                    .sha256 = std::string(64, 'a'),
                    .architecture = "YOLO11",
                    .head = HeadLayout::decoded,
                    .class_names = {"person", "caf\xe9"},  // not UTF-8
                    .image_height = 320,
                    .image_width = 640,
                    .strides = {8, 16, 32},
                    .dfl_bins = 16,
                    .keypoints = 0,
                    .keypoint_dims = 0,
                    .mask_channels = 32,
                    .embedding = 0,
                    .dynamic_shape = false,
                    .fixed_batch = 3},
          .effective_precision = Precision::bf16,
          .plan_sha256 = std::string(64, 'c'),
          .plan_bytes = 12345,
          .built_at = "2026-11-23T00:00:00Z",
          .build_seconds = 1.25,
          .validation = record()};
}

TEST(Manifest, IsReadAsItWasWritten) {
  const Manifest manifest = make_manifest();
  const std::string text = write_manifest(manifest);
  const Manifest read = read_manifest(text, "manifest.json");
  EXPECT_EQ(write_manifest(read), text);
  EXPECT_THAT(differences(read.identity, manifest.identity), IsEmpty());
  EXPECT_EQ(read.identity.driver, manifest.identity.driver);
  EXPECT_EQ(read.model.task, Task::segment);
  EXPECT_EQ(read.model.head, HeadLayout::decoded);
  EXPECT_EQ(read.model.strides, manifest.model.strides);
  EXPECT_EQ(read.model.fixed_batch, 3);
  EXPECT_EQ(read.effective_precision, Precision::bf16);
  EXPECT_EQ(read.build_seconds, 1.25);
  ASSERT_TRUE(read.validation);
  EXPECT_TRUE(read.validation->passed());
  EXPECT_EQ(read.validation->checks.size(), 2u);
}

TEST(Manifest, EveryByteCounts) {
  const std::string text = write_manifest(make_manifest());
  for (std::size_t at = 0; at < text.size(); at += 7) {
    std::string changed = text;
    changed[at] ^= 1;
    EXPECT_THAT(error_of([&] { read_manifest(changed, "here/manifest.json"); }),
                AllOf(HasSubstr("store."), HasSubstr("here/manifest.json")))
        << at << ": " << text.substr(at - 20, 40);
  }
  for (std::size_t keep : {std::size_t{0}, std::size_t{1}, text.size() / 2, text.size() - 3})
    EXPECT_THAT(error_of([&] { read_manifest(text.substr(0, keep), "m"); }), HasSubstr("store.damaged"))
        << keep;
}

TEST(Manifest, ANewerFormatSaysSo) {
  EXPECT_THAT(error_of([] { read_manifest(R"({"format": 2, "content": {}})", "m"); }),
              AllOf(HasSubstr("store.version"), HasSubstr("newer peregrine"), HasSubstr("Update")));
}

struct Change {
  const char* sentence;
  std::function<void(EngineIdentity&)> apply;
};

TEST(Identity, EveryPartButTheDriverNamesAnotherEngineAndIsExplained) {
  const std::vector<Change> changes{
      {"the model file is another one", [](EngineIdentity& i) { i.model_sha256[0] = '9'; }},
      {"another graph", [](EngineIdentity& i) { i.graph_digest[0] = '9'; }},
      {"it is a openvino engine, asked for is cuda", [](EngineIdentity& i) { i.engine = "cuda"; }},
      {"it was built by peregrine 0.1.0, this is 0.2.0",
       [](EngineIdentity& i) { i.engine_version = "0.2.0"; }},
      {"it was built with openvino 2026.4.1, here is openvino 2027.0.0",
       [](EngineIdentity& i) { i.library_versions = "openvino 2027.0.0"; }},
      {"it was built for A CPU (FP32), this machine has B CPU",
       [](EngineIdentity& i) { i.device_name = "B CPU"; }},
      {"it is fp32, asked for is bf16", [](EngineIdentity& i) { i.precision = Precision::bf16; }},
      {"it takes 1x3x640x640, asked for is 1..8x3x640x640, best at 4",
       [](EngineIdentity& i) { i.input.batch_opt = 4, i.input.batch_max = 8; }},
      {"asked for is any size", [](EngineIdentity& i) { i.input.any_size = true; }},
      {"options none, asked for is threads=2", [](EngineIdentity& i) { i.options["threads"] = "2"; }},
  };
  const EngineIdentity kept = make_identity();
  for (const Change& change : changes) {
    EngineIdentity wanted = kept;
    change.apply(wanted);
    EXPECT_NE(id_of(wanted), id_of(kept)) << change.sentence;
    EXPECT_THAT(differences(kept, wanted), ElementsAre(HasSubstr(change.sentence)));
  }
  EngineIdentity other_driver = kept;
  other_driver.driver = "590.2";
  EXPECT_EQ(id_of(other_driver), id_of(kept));
  EXPECT_THAT(differences(kept, other_driver), IsEmpty());
}

TEST(ValidationRecord, PassesOnlyWhenEveryCheckHolds) {
  EXPECT_EQ(verdict(record()), "passed");
  EXPECT_EQ(verdict(record(2.25)), "failed: box, pixels 2.25 (limit 1.5)");
  EXPECT_EQ(verdict(record(2.25, 0.5)),
            "failed: objects matched 0.5 (limit 0.99), box, pixels 2.25 (limit 1.5)");
  ValidationRecord unrun = record();
  unrun.ran = false;
  EXPECT_FALSE(unrun.passed());
  EXPECT_EQ(verdict(unrun), "built, not run");
  EXPECT_FALSE(ValidationRecord{}.passed());
}

TEST(ValidationRecord, APrecisionThatIsNotThereIsNoPass) {
  Manifest manifest = make_manifest();
  manifest.validation = record();
  manifest.validation->unavailable = "bf16 is not available on this CPU: openvino ran fp32";
  const Manifest read = read_manifest(write_manifest(manifest), "m");
  EXPECT_FALSE(read.validation->passed());
  EXPECT_EQ(verdict(*read.validation), "bf16 is not available on this CPU: openvino ran fp32");
}

TEST(ValidationRecord, KeepsItsWitness) {
  Manifest manifest = make_manifest();
  manifest.validation->witness = {Witness::Verdict::agrees, "PyTorch 2.9.0", "20 objects"};
  const Manifest read = read_manifest(write_manifest(manifest), "m");
  EXPECT_EQ(to_string(read.validation->witness), "PyTorch 2.9.0 agrees (20 objects)");
}

TEST(ValidationRecord, FromBeforeWitnessesStaysReadable) {
  nlohmann::json json = json_from_envelope(write_manifest(make_manifest()), "m", mend_engine);
  ASSERT_EQ(json.at("validation").erase("witness"), 1U);
  const Manifest read = read_manifest(json_to_envelope(json), "m");
  EXPECT_TRUE(read.validation->passed());
  EXPECT_EQ(to_string(read.validation->witness),
            "no independent witness (this record is from before independent programs were compared)");
}

TEST(ValidationRecord, NumbersThatAreNoneFailAndSurvive) {
  for (double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Manifest manifest = make_manifest();
    manifest.validation = record(value);
    const Manifest read = read_manifest(write_manifest(manifest), "m");
    EXPECT_FALSE(read.validation->passed());
    EXPECT_FALSE(std::isfinite(read.validation->checks[1].value));
  }
}

}  // namespace
}  // namespace peregrine::store
