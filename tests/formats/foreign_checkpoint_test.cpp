// Checkpoints of other code are named for what they are; nothing harmless is called untrustworthy.
#include "formats/foreign_checkpoint.h"

#include <gmock/gmock.h>

#include "formats/model.h"
#include "support/checkpoint_writer.h"

namespace peregrine {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string object(const std::string& place, const std::string& name,
                   const std::string& children = test::pickle_dict({})) {
  return test::pickle_call(test::pickle_global(place, name), {}) +
         test::pickle_dict({{"_modules", children}}) + "b";
}

/// "code sentence | hint" of reading that pickle.
std::string refusal(const std::string& root) {
  const std::string file = test::write_checkpoint(test::pickle(root), {std::string(4, '\0')});
  try {
    read_model(std::as_bytes(std::span(file)), "f.pt");
    return "no refusal";
  } catch (const Error& error) {
    return error.code() + " " + error.sentence() + " | " + error.hint();
  }
}

std::string in_dict(const std::string& network) {
  return test::pickle_dict({{"epoch", "N"}, {"model", network}});
}

TEST(ForeignCheckpoint, OfTheOriginalRepositories) {
  const auto of = [](const char* kind, const char* module) {
    return refusal(
        in_dict(object("models.yolo", kind, test::pickle_dict({{"0", object("models.common", module)}}))));
  };
  EXPECT_THAT(of("DetectionModel", "C3"), HasSubstr("of the original YOLOv5 repository (its network is a "
                                                    "models.yolo.DetectionModel)"));
  EXPECT_THAT(of("DetectionModel", "C3"), HasSubstr("yolov5nu.pt"));
  EXPECT_THAT(of("Model", "Focus"), HasSubstr("the original YOLOv5 repository"));
  EXPECT_THAT(of("Model", "SPPCSPC"), HasSubstr("the original YOLOv7 repository"));
  EXPECT_THAT(of("DetectionModel", "RepNCSPELAN4"), HasSubstr("the original YOLOv9 repository"));
  EXPECT_THAT(refusal(in_dict(object("yolov6.models.yolo", "Model"))),
              HasSubstr("the original YOLOv6 repository"));
  EXPECT_THAT(refusal(object("models.yolo", "Model")), HasSubstr("the original YOLOv5 repository"));
}

TEST(ForeignCheckpoint, OfOtherPackagesAndScripts) {
  const std::string torchreid = refusal(object("torchreid.models.osnet", "OSNet"));
  EXPECT_THAT(torchreid,
              HasSubstr("a whole module of torchreid (torchreid.models.osnet.OSNet) instead of its weights"));
  EXPECT_THAT(torchreid, HasSubstr("torch.save(model.state_dict(), 'osnet.pth')"));
  EXPECT_THAT(refusal(in_dict(object("__main__", "Net"))), HasSubstr("its network is of class __main__.Net"));
  EXPECT_THAT(refusal(object("torchvision.models.resnet", "ResNet")),
              HasSubstr("class torchvision.models.resnet.ResNet"));
  const std::string weight = test::pickle_tensor({.storage_elements = 1, .shape = {1}});
  EXPECT_THAT(refusal(in_dict(test::pickle_dict({{"model.0.conv.weight", weight}}))),
              HasSubstr("holds weights alone ('model.0.conv.weight', ...)"));
}

TEST(ForeignCheckpoint, NamespacesBesideTheWeightsAreData) {
  for (const auto& [module, name] :
       {std::pair("argparse", "Namespace"), std::pair("types", "SimpleNamespace"),
        std::pair("__main__", "Options"), std::pair("easydict", "EasyDict")}) {
    const std::string given = refusal(test::pickle_dict({{"args", object(module, name)}}));
    EXPECT_THAT(given, HasSubstr("model.unknown f.pt: the checkpoint is neither")) << module;
    EXPECT_THAT(given, Not(HasSubstr("trust"))) << module;
  }
}

TEST(ForeignCheckpoint, UnknownPackagesAreNoDangerAndDangerousOnesAre) {
  const std::string unknown = refusal(object("mylab.nets", "Net"));
  EXPECT_THAT(
      unknown,
      HasSubstr(
          "model.refused f.pt: the pickle asks for mylab.nets.Net, of a Python package that Peregrine"));
  EXPECT_THAT(unknown, Not(HasSubstr("trust")));
  for (const auto& [module, name] :
       {std::pair("os", "system"), std::pair("builtins", "eval"), std::pair("types", "CodeType"),
        std::pair("subprocess", "Popen"), std::pair("__main__", "os.system")})
    EXPECT_THAT(refusal(object(module, name)), HasSubstr("do not trust this file")) << module;
}

}  // namespace
}  // namespace peregrine
