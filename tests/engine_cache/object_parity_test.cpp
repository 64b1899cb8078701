// Objects out of head tensors, one side a little off as FP16 is: another anchor of the same person wins NMS,
// and brings keypoints of its own.
#include "engine_cache/validation/object_parity.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "engine/host_run.h"
#include "engine_cache/engine_cache.h"
#include "engine_cache/validation/sample_images.h"
#include "formats/model.h"
#include "graph/passes.h"
#include "stages/decode/decode.h"
#include "stages/preprocess/letterbox.h"
#include "stages/preprocess/preprocess.h"
#include "support/test_data.h"

namespace peregrine::engine_cache {
namespace {

using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

class ObjectParityTest : public testing::Test {
 protected:
  static constexpr int side = 320;

  ObjectParityTest() : model_(load_model(test::repository_file("models/demo/demo-pose.pt"))) {
    Settings settings;
    settings.force_gpu_only = false;
    const EngineContext context = choose_engine(settings, "openvino");
    graph::Graph graph = model_.graph({1, side, side});
    graph::run_passes(graph);
    engine_ = context.builder->load(context.builder->build(graph, BuildOptions{}), Device::cpu());
    for (const Binding& binding : engine_->io())
      if (!binding.is_input) names_.push_back(binding.name);
  }

  /// All scenes, against themselves with what `change` does to the head tensor of a name.
  template <class Change>
  ObjectParity compared(const Change& change) {
    ObjectParity parity(model_.info(), {});
    for (const auto scene : sample_image_files()) {
      const HostImage image = decode::decode_image(scene, "scene");
      const Geometry geometry = preprocess::letterbox(image.width, image.height, side, side);
      HostTensor input = HostTensor::zeros(DType::f32, {1, 3, side, side});
      preprocess::letterbox_into(image.view(), geometry, input.view(), 0);
      const TensorView view = input.view();
      const auto expected = run_on_host(*engine_, {&view, 1});
      auto actual = run_on_host(*engine_, {&view, 1});
      for (std::size_t i = 0; i < actual.size(); ++i) change(names_[i], actual[i]);
      parity.add("scene", {names_, expected}, {names_, actual}, 0, geometry);
    }
    return parity;
  }

  Model model_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::string> names_;
};

/// Every score of a class a little up or down in turn.
void tremble(const std::string& name, HostTensor& head, float by) {
  if (!name.starts_with("cls")) return;
  for (std::int64_t i = 0; i < head.shape().elements(); ++i) head.as<float>()[i] += i % 2 ? by : -by;
}

bool all_hold(const ObjectParity& parity) {
  return std::ranges::all_of(parity.checks(),
                             [](const store::ValidationCheck& check) { return check.holds(); });
}

TEST_F(ObjectParityTest, KeypointsOfAnotherAnchorAreATie) {
  const ObjectParity parity =
      compared([](const std::string& name, HostTensor& head) { tremble(name, head, 0.02f); });
  EXPECT_GE(parity.objects(), 20);
  EXPECT_THAT(parity.mismatches(), Each(HasSubstr("NMS tie")));
  EXPECT_THAT(parity.mismatches(), Contains(HasSubstr("a keypoint deviates by")));
  EXPECT_TRUE(all_hold(parity));
}

TEST_F(ObjectParityTest, KeypointsThatNoCandidateHasAreWrong) {
  const ObjectParity parity = compared([](const std::string& name, HostTensor& head) {
    if (name.starts_with("kpt"))
      for (std::int64_t i = 0; i < head.shape().elements(); ++i) head.as<float>()[i] *= 1.1f;
  });
  EXPECT_THAT(parity.mismatches(), Contains(HasSubstr("a keypoint deviates by")));
  EXPECT_THAT(parity.mismatches(), Each(Not(HasSubstr("NMS tie"))));
  EXPECT_FALSE(all_hold(parity));
}

}  // namespace
}  // namespace peregrine::engine_cache
