// The journal, STORE/migration.json, records what a migration has done beyond the store's engines; an
// interrupted run continues from it.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace peregrine::migrate {

struct Journal {
  /// By step and what it was done for (digests, versions, options): what came out of it. A step is still
  /// valid where its key is there and what came out still is.
  std::map<std::string, std::string> done;
  std::string rebuild;  ///< --force-rebuild that is not finished: when it began, UTC; engines built since are
                        ///< not built again
  int backup = 0;       ///< of what was there before that --force-rebuild
  bool operator==(const Journal&) const = default;
};

/// Empty where there is none, or one that cannot be read: everything is then done again.
Journal read_journal(const std::filesystem::path& file);
/// Throws "store.write".
void write_journal(const std::filesystem::path& file, const Journal& journal);

}  // namespace peregrine::migrate
