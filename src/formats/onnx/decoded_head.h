// A decoded head: one tensor [N, 4 + classes + extra, anchors], for segment also the prototypes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/onnx/metadata.h"
#include "graph/graph.h"
#include "peregrine/error.h"
#include "peregrine/model_info.h"

namespace peregrine::onnx {

/// Fills `info` and gives the outputs' names in the file's order. What the file does not say, `told` says.
/// Throws Error "model.task" where neither settles what the head is, "model.head" for outputs that no stage
/// could read or that are not what the file says.
std::vector<std::string> describe_decoded(const graph::Graph& graph, const Stated& stated,
                                          const std::optional<TaskHint>& told, ModelInfo& info);

/// Numbers of each keypoint, of which there are `channels` numbers in all. Throws Error "model.task" where
/// nobody says it and both 2 and 3 would do, "model.head" where they do not fit.
void set_keypoints(std::int64_t channels, const Stated& stated, const std::optional<TaskHint>& told,
                   ModelInfo& info);

/// Names by index; without any the classes are called "class0" and so on. Throws Error "model.head" for
/// another count.
void set_classes(std::int64_t count, const Stated& stated, ModelInfo& info);

/// For outputs of which no stage can make anything.
Error unknown_head(const graph::Graph& graph);

}  // namespace peregrine::onnx
