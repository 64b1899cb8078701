// Finds where two engines deviate: it runs one image through both and compares them step by step.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "peregrine/settings.h"

namespace peregrine::compare {

/// A step of the way from the file to the objects, B beside A.
struct ComparedStep {
  std::string
      stage;  ///< "decode", "resize", "layer", "head", "candidates", "NMS", "masks", "keypoints", "pipeline"
  std::string name;  ///< the layer's or head tensor's; empty for the others
  double difference =
      0;  ///< layers and heads: largest, relative to the tensor's largest value; otherwise as `what` says
  double cosine = 1;  ///< layers and heads
  double limit = 0;   ///< of `difference`: what rounding in the coarser of the two precisions explains
  bool deviates = false;
  std::string what;  ///< in words, with numbers
};

struct ExplainReport {
  std::string a, b;                     ///< "yolo11n.pt on openvino in bf16"
  std::vector<ComparedStep> steps;      ///< in the order in which they run
  std::vector<std::string> notes;       ///< what a reader must know to judge the numbers
  std::vector<std::string> mismatches;  ///< objects of A that B does not give, a line each

  /// The first step that deviates, or null.
  const ComparedStep* first_mismatch() const;
  /// The first layer or head tensor whose numbers are not the same, or null.
  const ComparedStep* first_difference() const;
};

/// `a` and `b`: MODEL[@ENGINE[:PRECISION]], or an engine's id in the store (its first digits do). Engines
/// come out of the store, built the first time. To look inside, the graph is built again with the wanted
/// tensors marked as outputs; that may fuse otherwise, and a note says how far it moved the heads. The layers
/// of a cached engine are seen where the model's file is at hand: the other side's, or one of [models].
/// Throws what choosing, building and decoding throw, and Error "usage.explain" for two models of different
/// tasks.
/// `progress`: as PipelineOptions::progress.
ExplainReport run(const Settings& settings, const std::string& a, const std::string& b,
                  const std::filesystem::path& image,
                  const std::function<bool(double, std::string_view)>& progress = {});

std::string to_json(const ExplainReport& report);

}  // namespace peregrine::compare
