// What a reader of the report types to see its findings again.
#pragma once

#include <string>
#include <vector>

#include "migrate/migration.h"

namespace peregrine::migrate {

/// Lines for a shell, names quoted where they must be.
std::vector<std::string> commands_of(const Migration& migration);

}  // namespace peregrine::migrate
