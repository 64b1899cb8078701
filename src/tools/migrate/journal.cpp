#include "tools/migrate/journal.h"

#include "core/log.h"
#include "core/text.h"
#include "engine_cache/store/files.h"
#include "engine_cache/store/json_envelope.h"
#include "peregrine/error.h"

namespace peregrine::migrate {

Journal read_journal(const std::filesystem::path& file) {
  const auto text = store::read_if_exists(file);
  if (!text) return {};
  try {
    const nlohmann::json json = store::json_from_envelope(*text, printable(file.native()), "");
    return {.done = json.at("done"), .rebuild = json.at("rebuild"), .backup = json.value("backup", 0)};
  } catch (const Error& error) {
    log::warning(error.sentence() + " All steps are done again.");
  } catch (const nlohmann::json::exception&) {
    log::warning(printable(file.native()) + " is not what this version writes: all steps are done again.");
  }
  return {};
}

void write_journal(const std::filesystem::path& file, const Journal& journal) {
  store::replace_file(
      file, store::json_to_envelope(
                {{"done", journal.done}, {"rebuild", journal.rebuild}, {"backup", journal.backup}}));
}

}  // namespace peregrine::migrate
