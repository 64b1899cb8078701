// Reads the layers of a built engine from its inspector. Needs a GPU.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/tensorrt/library/library.h"

namespace peregrine::tensorrt {

/// A layer of a built engine that gives floating-point tensors.
struct InspectedLayer {
  std::string name, kind;  ///< kind: "CaskConvolution"; empty where the library does not tell
  bool gives_fp32 = false;
};

/// Empty where the library does not tell. Throws Error "engine.tensorrt" where it refuses its own plan.
std::vector<InspectedLayer> inspect(const Library& library, std::span<const std::byte> plan);

/// The same from the inspector's JSON: {"Layers": [{"Name": "...", "LayerType": "...", "Outputs":
/// [{"Format/Datatype": "Half NHWC"}]}]}.
std::vector<InspectedLayer> inspected_layers(const std::string& json);

/// One sentence: how many layers give FP16, and which give FP32, with the reason where `fp32_layers` (node of
/// the model -> reason) has one. Empty without layers.
std::string summarize(const std::vector<InspectedLayer>& layers,
                      const std::map<std::string, std::string>& fp32_layers);

/// Throws Error "engine.precision" where a layer gives FP32 that is neither one of `fp32_layers` nor one that
/// only moves data, or where there are no layers to look at.
void require_fp16(const std::vector<InspectedLayer>& layers,
                  const std::map<std::string, std::string>& fp32_layers);

}  // namespace peregrine::tensorrt
