#include "migrate/journal.h"

#include "base/log.h"
#include "base/text.h"
#include "engine/store/files.h"
#include "engine/store/sealed_json.h"
#include "peregrine/error.h"

namespace peregrine::migrate {

Journal read_journal(const std::filesystem::path& file) {
  const auto text = store::read_if_exists(file);
  if (!text) return {};
  try {
    const nlohmann::json json = store::unseal_json(*text, printable(file.native()), "");
    return {.done = json.at("done"), .rebuild = json.at("rebuild"), .backup = json.value("backup", 0)};
  } catch (const Error& error) {
    log::warning(error.sentence() + " All steps are done again.");
  } catch (const nlohmann::json::exception&) {
    log::warning(printable(file.native()) + " is not what this version writes: all steps are done again.");
  }
  return {};
}

void write_journal(const std::filesystem::path& file, const Journal& journal) {
  store::replace_file(file, store::seal_json({{"done", journal.done}, {"rebuild", journal.rebuild}, {"backup", journal.backup}}));
}

}  // namespace peregrine::migrate
