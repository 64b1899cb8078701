// Hints about settings and flags, followed with `peregrine config` and the commands that take them.
#include <regex>

#include "hints.h"

namespace peregrine::test {
namespace {

using testing::HasSubstr;

class HintsOfSettings : public Hints {};

TEST_F(HintsOfSettings, LeadToSettingsThatAreTaken) {
  const std::string good = write("good.toml", "IOU = 0.5\n");
  follow({{.hint = "Name a readable settings file with --config.",
           .first = {"config", "--config", "none.toml"},
           .then = {"config", "--config", good}},
          {.hint = "The file is TOML: one NAME = value a line.",
           .first = {"config", "--config", write("bad.toml", "IOU 0.5\n")},
           .then = {"config", "--config", good},
           .says = "0.5"},
          {.hint = "It must be {}.",
           .first = {"config", "--precision", "fp8"},
           .then = {"config", "--precision", "fp16"},
           .says = "fp16"},
          {.hint = "Engines: {}.",
           .first = {"predict", "--engine", "onnx", "--model", demo("demo-detect.pt"), "--source", image_},
           .then = {"export", demo("demo-detect.pt"), "-o", "m.onnx", "--engine", "openvino"}}});
}

TEST_F(HintsOfSettings, OfferTheNearestNameWhichIsTaken) {
  const std::string said =
      refused({"config", "--config", write("wrong.toml", "MODEL_CONFIDENCE_TRESHOLD = 0.4\n")});
  expect_hint(said, "Did you mean {}? `peregrine config` lists all.");
  std::smatch offered;
  ASSERT_TRUE(
      std::regex_search(said, offered, std::regex("Did you mean (\\w+)\\? `peregrine config` lists all\\.")))
      << said;
  EXPECT_THAT(accepted({"config"}), HasSubstr(offered.str(1)));
  EXPECT_THAT(accepted({"config", "--config", write("right.toml", offered.str(1) + " = 0.4\n")}),
              HasSubstr("0.4"));
}

TEST_F(HintsOfSettings, OfExportLeadToAFile) {
  const std::string model = demo("demo-detect.pt");
  follow({{.hint = "Pass --precision fp16 or fp32.",
           .first = {"export", model, "-o", "m.onnx", "--precision", "bf16"},
           .then = {"export", model, "-o", "m.onnx", "--precision", "fp16"}},
          {.hint = "Give it a positive number, or dynamic.",
           .first = {"export", model, "-o", "m.onnx", "--batch", "many"},
           .then = {"export", model, "-o", "m.onnx", "--batch", "dynamic"}}});
}

}  // namespace
}  // namespace peregrine::test
