// The layout before PyTorch 1.6: five pickles (a magic number, a version, the machine, the object, the keys
// of the storages), then for each key the count of elements (8 bytes) and the elements, all little-endian.
#pragma once

#include <cstddef>
#include <span>

#include "formats/torch/opened_file.h"

namespace peregrine::torch {

OpenedFile open_legacy(std::span<const std::byte> file);

}  // namespace peregrine::torch
