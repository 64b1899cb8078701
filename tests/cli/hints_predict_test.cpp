// Hints of the commands that run a model, each followed to its result with a network of a few layers.
#include "hints.h"

#include <sys/resource.h>

namespace peregrine::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class HintsOfPredict : public Hints {
 protected:
  std::string model_ = repository_file("tests/formats/data/tiny-area.pt").string();
  std::string reid_ = demo("demo-reid.pth");

  /// A run of the small network on small images; whatever it finds, it must not be verified first.
  Words predict(const Words& more, const std::string& model) const {
    Words words{"predict", "--model", model, "--source", image_, "--unverified"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Words predict(Words more) const {
    if (std::ranges::find(more, "--imgsz") == more.end()) more.insert(more.end(), {"--imgsz", "64"});
    return predict(more, model_);
  }
  static std::string onnx(const std::string& name) {
    return repository_file("tests/formats/onnx/data/" + name).string();
  }
};

TEST_F(HintsOfPredict, AboutModelsAndTheirClasses) {
  follow({{.hint = "Pass it with --reid.",
           .first = predict({}, reid_),
           .then = predict({"--reid", reid_, "--reid-class", "a"})},
          {.hint = "Give --reid an OSNet checkpoint, and this one to --model.",
           .first = predict({"--reid", model_, "--reid-class", "a"}),
           .then = predict({"--reid", reid_, "--reid-class", "a"})},
          {.hint = "Name one of the models' classes with --reid-class. {}",
           .first = predict({"--reid", reid_, "--reid-class", "unicorn"}),
           .then = predict({"--reid", reid_, "--reid-class", "b"})},
          {.hint = "{}{} knows: {}{}.",
           .first = predict({"--classes", "unicorn"}),
           .then = predict({"--classes", "a"})},
          {.hint = "{}The classes of {} are 0 to {}.",
           .first = predict({"--classes", "7"}),
           .then = predict({"--classes", "1"})}});
}

TEST_F(HintsOfPredict, AboutShapes) {
  for (const char* batch : {"2", "dynamic"})
    accepted({"export", model_, "-o", std::string(batch) + ".onnx", "--batch", batch, "--imgsz", "64",
              "--precision", "fp32"});
  const auto fixed = [&](const Words& more) { return predict(more, file("2.onnx")); };
  follow({{.hint = "Pass --batch {}, or export the model with a dynamic batch.",
           .first = fixed({"--batch", "1"}),
           .then = fixed({"--batch", "2"})},
          {.hint = "Pass --batch {}, or export the model with a dynamic batch.",
           .first = fixed({"--batch", "3"}),
           .then = predict({"--batch", "3"}, file("dynamic.onnx"))},
          {.hint = "Leave out --imgsz, or export the model with dynamic shapes.",
           .first = predict({"--imgsz", "320"}, onnx("detect.onnx")),
           .then = predict({}, onnx("detect.onnx"))},
          {.hint = "Leave out --imgsz, or export the model with dynamic shapes.",
           .first = predict({"--imgsz", "320"}, onnx("detect.onnx")),
           .then = predict({"--imgsz", "320"}, onnx("pose.onnx"))},
          {.hint = "Leave out --rect.",
           .first = predict({"--rect"}, onnx("detect.onnx")),
           .then = predict({}, onnx("detect.onnx"))}});
}

TEST_F(HintsOfPredict, AboutEnginesAndPrecisions) {
  const auto explain = [&](const std::string& b) {
    return Words{"explain", model_ + "@openvino:fp32", b, "--image", image_, "--imgsz", "64"};
  };
  const std::string wrong = "Give MODEL[@ENGINE[:PRECISION]], or an id that `peregrine engines list` shows.";
  accepted(predict({}));
  const std::string listed = accepted({"engines", "list"});
  const std::string id = fs::directory_iterator(folder_.path() / "store" / "engines")->path().filename();
  EXPECT_THAT(listed, HasSubstr(id));
  follow({{.hint = "Precisions: fp16, fp32, bf16.",
           .first = explain(model_ + "@openvino:fp8"),
           .then = explain(model_ + "@openvino:fp32")},
          {.hint = wrong, .first = explain("none.pt"), .then = explain(model_)},
          {.hint = wrong, .first = explain("none.pt"), .then = explain(id)},
          {.hint = "Give it a positive number, or MIN:OPT:MAX for TensorRT's engines.",
           .first = {"build", model_, "--batch", "1:many:4"},
           .then = {"build", model_, "--imgsz", "64", "--batch", "2"}},
          {.hint = "Build one model at a time.",
           .first = {"build", model_, model_, "--out", "copy"},
           .then = {"build", model_, "--imgsz", "64", "--out", "copy"}}});
}

#if !PEREGRINE_SANITIZED  // whose shadow memory is larger than any limit
TEST_F(HintsOfPredict, AboutMemoryLeadToARunThatHasIt) {
  const std::string hint =
      "Free some memory or raise the limit (ulimit -v), or ask for less: a smaller --batch or --imgsz.";
  const auto asking = [&](const char* batch, const char* side) {
    return predict({"--batch", batch, "--imgsz", side}, repository_file("tests/formats/data/one-bin.pt"));
  };
  const auto within = [](rlim_t mebibytes) {
    return [mebibytes] {
      const rlimit limit{mebibytes << 20, mebibytes << 20};
      setrlimit(RLIMIT_AS, &limit);
    };
  };
  expect_hint(refused(asking("32", "512"), within(500)), hint);
  accepted(asking("32", "512"));  // the limit is raised
  expect_hint(refused(asking("64", "2048"), within(3072)), hint);
  for (const Words& less : {asking("1", "2048"), asking("64", "64")})
    EXPECT_EQ(run(less, within(3072)).status, 0) << testing::PrintToString(less);
}
#endif

TEST_F(HintsOfPredict, AboutWhatMayServe) {
  const auto enforced = [&](const Words& more) {
    Words words{"predict", "--model", model_, "--source", image_, "--unverified", "--imgsz", "64"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const auto forced = [] { setenv("PEREGRINE_FORCE_GPU_ONLY", "true", 1); };
  const std::string hint = "Pass --allow-cpu or set FORCE_GPU_ONLY = false to let the CPU serve.";
  expect_hint(refused(enforced({}), forced), hint);
  EXPECT_EQ(run(enforced({"--allow-cpu"}), forced).status, 0);
  const auto unset = [] { unsetenv("PEREGRINE_FORCE_GPU_ONLY"); };
  expect_hint(refused(enforced({}), unset), hint);
  const std::string settings = write("cpu.toml", "FORCE_GPU_ONLY = false\n");
  EXPECT_EQ(run(enforced({"--config", settings}), unset).status, 0);
}

}  // namespace
}  // namespace peregrine::test
