// The commands that reproduce the findings of a report.
#pragma once

#include <string>
#include <vector>

#include "tools/migrate/migration.h"

namespace peregrine::migrate {

/// Lines for a shell, names quoted where they must be.
std::vector<std::string> commands_of(const Migration& migration);

}  // namespace peregrine::migrate
