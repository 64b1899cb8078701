// Reads the layers of a built engine from its inspector. Needs a GPU.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "engine/tensorrt/library/library.h"

namespace peregrine::tensorrt {

/// One sentence: how many layers give FP16, and which give FP32. Empty where the library does not tell.
/// Throws Error "engine.tensorrt" where it refuses its own plan.
std::string inspect(const Library& library, std::span<const std::byte> plan);

/// The same from the inspector's JSON: {"Layers": [{"Name": "...", "Outputs": [{"Format/Datatype": "Half
/// NHWC"}]}]}.
std::string summarize_inspection(const std::string& json);

}  // namespace peregrine::tensorrt
