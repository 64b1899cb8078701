#include "tools/migrate/commands.h"

#include <fmt/format.h>

namespace peregrine::migrate {

namespace {

std::string quoted(const std::filesystem::path& path) {
  const std::string& text = path.native();
  constexpr std::string_view harmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!text.empty() && text.find_first_not_of(harmless) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

std::vector<std::string> commands_of(const Migration& migration) {
  const Settings& settings = migration.settings;
  std::string common = " --store " + quoted(std::filesystem::absolute(settings.store));
  if (!settings.force_gpu_only) common += " --allow-cpu";
  std::string models, precision;
  for (const ModelSlot& slot : migration.slots)
    models +=
        fmt::format(" --{} {}", to_string(slot.task_slot), quoted(std::filesystem::absolute(slot.path)));
  if (settings.precision) precision = fmt::format(" --precision {}", to_string(*settings.precision));
  std::string engine;
  if (migration.options.engine != "auto") engine = " --engine " + migration.options.engine;
  std::vector<std::string> lines{"peregrine migrate" + models + engine + precision + common,
                                 "peregrine migrate --validate-only" + models + engine + precision + common,
                                 "peregrine predict --source PICTURES" + common,
                                 "peregrine engines list" + common};
  for (const ModelSlot& slot : migration.slots)
    if (slot.manifest && !traits_of(slot.task_slot).embeds)
      lines.push_back(
          fmt::format("peregrine explain {0}@{1}:fp32 {0}@{1}:{2} --image PICTURE{3}{4}",
                      quoted(std::filesystem::absolute(slot.path)), slot.manifest->identity.engine,
                      to_string(slot.manifest->identity.precision),
                      slot.info().told_task.empty() ? "" : " --task " + slot.info().told_task, common));
  if (migration.report.backup > 0)
    lines.push_back(fmt::format("peregrine migrate --rollback {}{}", migration.report.backup, common));
  return lines;
}

}  // namespace peregrine::migrate
