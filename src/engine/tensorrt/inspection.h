// Reads the layers of a built engine from its inspector. Needs a GPU.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "engine/tensorrt/layer_precision.h"
#include "engine/tensorrt/library/library.h"

namespace peregrine::tensorrt {

/// A layer of a built engine.
struct InspectedLayer {
  std::string name, kind;   ///< kind: "CaskConvolution"; empty where the library does not tell
  bool gives_fp32 = false;  ///< else FP16
  std::vector<std::string> inputs{}, outputs{};  ///< names of tensors
  bool floating = true;                          ///< false: it gives integers alone
};

/// Empty where the library does not tell. Throws Error "engine.tensorrt" where it refuses its own plan.
std::vector<InspectedLayer> inspect(const Library& library, std::span<const std::byte> plan);

/// The same from the inspector's JSON (of an engine with an open batch TensorRT 8 tells of the layers with
/// weights alone): {"Layers": [{"Name": "...", "LayerType": "...", "Inputs": [{"Name":
/// "..."}], "Outputs": [{"Name": "...", "Format/Datatype": "Half NHWC"}]}]}.
std::vector<InspectedLayer> inspected_layers(const std::string& json);

/// One sentence: how many layers give FP16, and which give FP32, with the reason where there is one. Empty
/// without layers.
std::string summarize(const std::vector<InspectedLayer>& layers, const WantedPrecision& wanted);

/// Nodes that stay in FP32 and are in no layer's name: fused or folded away, or inside of a part that the
/// library shows as one.
std::vector<std::string> not_told(const std::vector<InspectedLayer>& layers, const WantedPrecision& wanted);

/// Throws Error "engine.precision" where there are no layers to look at, and in both directions:
///
/// - A layer gives FP32 without a reason. Reasons are: one of its nodes stays in FP32; it computes nothing (a
///   constant, a reformat, a cast, a copy: what it passes on is judged where it is made); the parser put it
///   in beside the nodes, between layers that stay in FP32 (layer_flow.h).
/// - A layer gives FP16 and has a node that stays in FP32. An output of the network is FP16 as it was asked
///   for, and of a part that the library shows as one ("{ForeignNode[a...b]}") nothing inside is told.
void require_fp16(const std::vector<InspectedLayer>& layers, const WantedPrecision& wanted);

}  // namespace peregrine::tensorrt
