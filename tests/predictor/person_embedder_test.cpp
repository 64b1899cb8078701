// ReID alone: more persons than a round holds, each as if it were alone; a GPU in FP16 says what the CPU
// says, or, in builds without it, what the GPU says in FP32.
#include "predictor/person_embedder.h"

#include <gmock/gmock.h>

#include "core/os/read_whole_file.h"
#include "engine_cache/engine_cache.h"
#include "parity/parity.h"
#include "stages/decode/decode.h"
#include "support/test_data.h"
#if PEREGRINE_CUDA
#include "support/cuda_device.h"
#endif

namespace peregrine::predictor {
namespace {

class PersonEmbedderTest : public testing::Test {
 protected:
  PersonEmbedderTest() {
    for (int i = 0; i < 5; ++i) {
      const auto file =
          test::repository_file("models/demo/scenes/val2017/00000" + std::to_string(i) + ".jpg");
      scenes_.push_back(decode::decode_image(read_whole_file(file).value(), "scene"));
    }
    // Twenty upright strips, views into the scenes: more than a round of sixteen.
    for (const HostImage& scene : scenes_)
      for (int strip = 0; strip < 4; ++strip) {
        ImageView view = scene.view();
        view.data += static_cast<std::ptrdiff_t>(strip) * (scene.width / 4) * 3;
        view.width = scene.width / 4;
        persons_.push_back(view);
      }
  }
  std::unique_ptr<PersonEmbedder> open(const std::string& engine, std::optional<Precision> precision = {}) {
    Settings settings;
    settings.force_gpu_only = engine != "openvino";
    settings.precision = precision;
    settings.store = folder_.path() / "store";
    engine_cache::EngineContext context = engine_cache::choose_engine(settings, engine);
    context.store = settings.store;
    const Model model = load_model(test::repository_file("models/demo/demo-reid.pth"));
    return make_person_embedder(model, context, settings, static_cast<int>(persons_.size()));
  }
  void expect_as_if_alone(PersonEmbedder& embedder) {
    const auto together = embedder.run(persons_);
    ASSERT_EQ(together.size(), persons_.size());
    for (const std::size_t i : {0, 3, 15, 16, 19}) {
      const auto alone = embedder.run(std::span(persons_).subspan(i, 1));
      ASSERT_EQ(alone.size(), 1u);
      EXPECT_GT(parity::cosine(alone[0], together[i]), 0.9999f) << i;
    }
    EXPECT_LT(parity::cosine(together[0], together[16]), 0.999f) << "persons differ";
  }

  test::TemporaryFolder folder_;
  std::vector<HostImage> scenes_;
  std::vector<ImageView> persons_;
};

#if PEREGRINE_OPENVINO
TEST_F(PersonEmbedderTest, EachPersonIsAsIfItWereAlone) { expect_as_if_alone(*open("openvino")); }
#endif

#if PEREGRINE_CUDA
TEST_F(PersonEmbedderTest, OnAGpuEachPersonIsAsIfItWereAlone) {
  PEREGRINE_NEED_CUDA_DEVICE();
  expect_as_if_alone(*open("cuda"));
}

TEST_F(PersonEmbedderTest, TheGpuInFp16SaysWhatFp32Says) {
  PEREGRINE_NEED_CUDA_DEVICE();
#if PEREGRINE_OPENVINO
  const auto reference = open("openvino")->run(persons_);
#else
  const auto reference = open("cuda", Precision::fp32)->run(persons_);
#endif
  const auto embedder = open("cuda");
  EXPECT_EQ(embedder->precision(), Precision::fp16);
  const auto gpu = embedder->run(persons_);
  ASSERT_EQ(gpu.size(), reference.size());
  for (std::size_t i = 0; i < gpu.size(); ++i) EXPECT_GT(parity::cosine(reference[i], gpu[i]), 0.999f) << i;
  const auto few = embedder->run(std::span(persons_).first(2));
  EXPECT_GT(parity::cosine(few[1], gpu[1]), 0.999f);
}
#endif

}  // namespace
}  // namespace peregrine::predictor
