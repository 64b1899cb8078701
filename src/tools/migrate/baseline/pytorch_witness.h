// The user's PyTorch as the witness of a checkpoint: Ultralytics' own forward pass, of the file itself.
#pragma once

#include <string>

#include "engine_cache/witness.h"
#include "tools/migrate/migration.h"

namespace peregrine::migrate {

/// What it finds at `shape` on the first images of the migration; or why it cannot be asked. Throws
/// "interrupted".
engine_cache::WitnessAnswer ask_pytorch(const Migration& migration, const ModelSlot& slot,
                                        const InputShape& shape);

/// The Python that would be asked, with its versions; empty where none can be.
std::string pytorch_of(const Migration& migration, const ModelSlot& slot);

}  // namespace peregrine::migrate
