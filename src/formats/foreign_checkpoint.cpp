#include "formats/foreign_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/text.h"
#include "formats/torch/module.h"
#include "formats/torch/tensor_reference.h"

namespace peregrine {

namespace {

constexpr const char* code = "model.unknown";
constexpr const char* supported =
    "Supported are YOLOv8, YOLO11 and YOLO12 of Ultralytics (detect, pose, segment) and OSNet; other models "
    "as .onnx.";
constexpr const char* train_again =
    "Train a YOLOv8 or YOLO11 of Ultralytics on your data: its checkpoints run here.";

/// Whether the pickle mentions one of these classes, in whatever module.
bool mentions(const pickle::Document& document, std::initializer_list<std::string_view> classes) {
  return std::ranges::any_of(document.nodes(), [&](const pickle::Node& node) {
    const auto* global = std::get_if<pickle::Global>(&node.content);
    return global && std::ranges::find(classes, global->name) != classes.end();
  });
}

/// Networks of the repositories that keep their modules in folders "models" and "utils".
Error of_yolo_repository(const pickle::Document& document, const std::string& network) {
  const bool v9 = mentions(document, {"DDetect", "DualDDetect", "TripleDDetect", "RepNCSPELAN4", "CBLinear"});
  const bool v7 =
      mentions(document, {"IDetect", "IAuxDetect", "IBin", "IKeypoint", "SPPCSPC", "SP", "MP", "ReOrg"});
  const bool darknet = mentions(document, {"Darknet"});
  const char* version = v9 ? "YOLOv9" : v7 ? "YOLOv7" : darknet ? "YOLOv4 or YOLOR" : "YOLOv5";
  const char* hint = v9 || v7 || darknet ? train_again
                                         : "Ultralytics' yolov5nu.pt to yolov5xu.pt are these networks with "
                                           "a head that runs here: train one on your data.";
  return {code,
          fmt::format("the checkpoint is of the original {} repository (its network is a {}), not of "
                      "Ultralytics' package, "
                      "and its head is another one",
                      version, printable(network)),
          hint};
}

Error of_network(const pickle::Document& document, const std::string& network) {
  const std::string package = network.substr(0, network.find('.'));
  if (package == "models" || package == "utils") return of_yolo_repository(document, network);
  if (package == "yolov6" || package == "yolox")
    return {code,
            fmt::format("the checkpoint is of the original {} repository (its network is a {})",
                        package == "yolox" ? "YOLOX" : "YOLOv6", printable(network)),
            train_again};
  if (package == "torchreid")
    return {code,
            fmt::format("the checkpoint is a whole module of torchreid ({}) instead of its weights",
                        printable(network)),
            "Save an OSNet's weights alone, where torchreid is installed: torch.save(model.state_dict(), "
            "'osnet.pth')."};
  if (package == "__main__")
    return {code,
            fmt::format("its network is of class {}, which only the script that saved it knows",
                        printable(network)),
            supported};
  return {code,
          fmt::format("its network is of class {}: neither an Ultralytics model nor an OSNet",
                      printable(network)),
          supported};
}

/// The first name of a state dict, bare or under a key that wraps it; empty where there is none.
std::string first_weight(const pickle::Value& root) {
  const auto first = [](const pickle::Value& dict) {
    for (const auto& [key, value] : pickle::entries(dict))
      if (const std::string* name = pickle::text(key); name && torch::is_tensor(value)) return *name;
    return std::string();
  };
  if (std::string name = first(root); !name.empty()) return name;
  for (const char* wrapper : {"state_dict", "model_state_dict", "model", "ema", "net", "weights"})
    if (const pickle::Value* dict = pickle::find(root, wrapper))
      if (std::string name = first(*dict); !name.empty()) return name;
  return {};
}

}  // namespace

Error foreign_checkpoint(const pickle::Document& document) {
  if (const pickle::Value* network = torch::find_network(document.root))
    return of_network(document, pickle::class_name(*network));
  const std::string weight = first_weight(document.root);
  if (weight.starts_with("model.") || weight.starts_with("module.model."))
    return {code,
            fmt::format("the checkpoint holds weights alone ('{}', ...) and not the network that they belong "
                        "to: it is neither "
                        "an Ultralytics model nor an OSNet",
                        printable(weight)),
            "Save the whole model as Ultralytics does: model.save('best.pt')."};
  if (!weight.empty())
    return {
        code,
        fmt::format(
            "the checkpoint is neither an Ultralytics model nor an OSNet: it holds weights alone ('{}', ...)",
            printable(weight)),
        supported};
  return {code, "the checkpoint is neither an Ultralytics model nor an OSNet", supported};
}

}  // namespace peregrine
