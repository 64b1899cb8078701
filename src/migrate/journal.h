// What a migration has done so far that the store's engines do not tell themselves, in STORE/migration.json: a run that was cut
// short goes on from there.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace peregrine::migrate {

struct Journal {
  /// By step and what it was done for (digests, versions, options): what came out of it. A step is still valid where its key is
  /// there and what came out still is.
  std::map<std::string, std::string> done;
  std::string rebuild;  ///< --force-rebuild that is not finished: when it began, UTC; engines built since are not built again
  int backup = 0;       ///< of what was there before that --force-rebuild
  bool operator==(const Journal&) const = default;
};

/// Empty where there is none, or one that cannot be read: everything is then done again.
Journal read_journal(const std::filesystem::path& file);
/// Throws "store.write".
void write_journal(const std::filesystem::path& file, const Journal& journal);

}  // namespace peregrine::migrate
