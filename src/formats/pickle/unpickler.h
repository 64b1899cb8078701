// Interprets a pickle (protocols 0 to 5) without executing anything of it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "formats/pickle/value.h"

namespace peregrine::pickle {

struct Parsed {
  std::unique_ptr<Document> document;
  std::size_t consumed = 0;  ///< bytes up to and including STOP
};

/// Reads one pickle from the start of `bytes`. Throws Error: "model.refused" naming a class or function
/// that checkpoints have no business with (names.h), "model.truncated", "model.pickle" for anything that is
/// no pickle, "model.size" for more values than a checkpoint can have. The sentences name no file.
Parsed parse(std::span<const std::byte> bytes);

}  // namespace peregrine::pickle
