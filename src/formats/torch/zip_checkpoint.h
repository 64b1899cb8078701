// The zip layout: NAME/data.pkl, NAME/byteorder, NAME/data/KEY.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "formats/torch/opened_file.h"

namespace peregrine::torch {

OpenedFile open_zip(std::span<const std::byte> file);

}  // namespace peregrine::torch
