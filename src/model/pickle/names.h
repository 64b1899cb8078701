// Which names a pickle may mention.
#pragma once

#include <string_view>

namespace peregrine::pickle {

/// True for names that checkpoints of torch and Ultralytics legitimately contain: everything under torch,
/// ultralytics, numpy, collections, pathlib and datetime, and a few harmless builtins (getattr, set, ...).
/// They become inert nodes. `name` may be a path into a class ("Detect.forward"), not into a module.
bool allowed(std::string_view module, std::string_view name);

}  // namespace peregrine::pickle
