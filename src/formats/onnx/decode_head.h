// The decoding of a raw head as nodes of the graph, for files that other programs read.
#pragma once

#include <span>
#include <string_view>

#include "graph/graph.h"
#include "peregrine/model_info.h"

namespace peregrine::onnx {

/// Replaces the outputs of a head (graph/head.h; one that is decoded already keeps its nodes) by Ultralytics'
/// layout: "output0" [N, 4 + classes + extra, anchors] with boxes as centre, width and height in input pixels
/// and scores after the sigmoid; extra are keypoints (pixels, visibility after the sigmoid) or mask
/// coefficients; and "output1", the prototypes, for segment. The formulas are those of our own
/// postprocessing: softmax over the bins of each side, anchor centres at cell + 0.5, times stride; keypoints
/// (2 v + anchor - 0.5) times stride.
void decode_head(graph::Graph& graph, const ModelInfo& info);

/// Names of the nodes that decode_head() puts between the heads' tensors and positions in pixels.
std::span<const std::string_view> position_steps();

}  // namespace peregrine::onnx
