// Where two engines part: one picture through both, compared step by step.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "peregrine/settings.h"

namespace peregrine::explain {

/// A step of the way from the file to the objects, B beside A.
struct Step {
  std::string stage;      ///< "decode", "resize", "layer", "head", "candidates", "NMS", "masks", "keypoints", "pipeline"
  std::string name;       ///< the layer's or head tensor's; empty for the others
  double difference = 0;  ///< layers and heads: largest, relative to the tensor's largest value; otherwise as `what` says
  double cosine = 1;      ///< layers and heads
  double limit = 0;       ///< of `difference`: what rounding in the coarser of the two precisions explains
  bool departs = false;
  std::string what;  ///< in words, with numbers
};

struct Report {
  std::string a, b;                     ///< "yolo11n.pt on openvino in bf16"
  std::vector<Step> steps;              ///< in the order in which they run
  std::vector<std::string> notes;       ///< what a reader must know to judge the numbers
  std::vector<std::string> departures;  ///< objects of A that B does not give, a line each

  /// The first step that departs, or null.
  const Step* first_departure() const;
  /// The first layer or head tensor whose numbers are not the same, or null.
  const Step* first_difference() const;
};

/// `a` and `b`: MODEL[@ENGINE[:PRECISION]], or an engine's id in the store (its first digits do). Engines come out of the
/// store, built the first time. To look inside, the graph is built again with the wanted tensors marked as outputs; that
/// may fuse otherwise, and a note says how far it moved the heads. The layers of a kept engine are seen where the model's file
/// is at hand: the other side's, or one of [models]. Throws what choosing, building and decoding throw, and Error
/// "usage.explain" for two models of different tasks.
Report run(const Settings& settings, const std::string& a, const std::string& b, const std::filesystem::path& picture);

std::string to_json(const Report& report);

}  // namespace peregrine::explain
