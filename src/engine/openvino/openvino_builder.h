// The CPU engine: OpenVINO. It runs where FORCE_GPU_ONLY is off, and is the reference for other engines.
#pragma once

#include <memory>

#include "engine/engine.h"

namespace peregrine {

/// Builder "openvino". Plans hold OpenVINO's exported model; loading one compiles it for this CPU.
///
/// Precision: fp32 is what runs unless bf16 or fp16 is asked for. A CPU without the instructions may get
/// something else than was asked: Engine::precision() tells what the compiled model really uses.
///
/// Bindings are dense host tensors (cpu or pinned), read and written in place. With
/// BuildOptions::dynamic_size, io() has the shapes the graph was built for, and enqueue takes any batch,
/// height and width that the model allows from the bindings it is given: outputs must have the shapes that
/// follow, else Error "engine.binding".
///
/// Errors: "engine.unsupported" (build; all reasons), "engine.plan" (load: damaged, or of another version),
/// "engine.binding" (enqueue), "engine.openvino" (whatever OpenVINO reports), "interrupted.build".
std::unique_ptr<Builder> make_openvino_builder();

}  // namespace peregrine
