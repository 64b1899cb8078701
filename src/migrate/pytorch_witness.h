// The user's PyTorch as the witness of a checkpoint: Ultralytics' own forward pass, of the file itself.
#pragma once

#include <string>

#include "migrate/migration.h"
#include "provision/witness.h"

namespace peregrine::migrate {

/// What it finds at `shape` on the first pictures of the migration; or why it cannot be asked. Throws
/// "interrupted".
provision::WitnessAnswer ask_pytorch(const Migration& migration, const Slot& slot, const InputShape& shape);

/// The Python that would be asked, with its versions; empty where none can be.
std::string pytorch_of(const Migration& migration, const Slot& slot);

}  // namespace peregrine::migrate
