#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "common.h"

namespace peregrine::cli {

void add_config(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("config", "Show the effective settings and where each comes from");
  add_common_flags(*command, common);
  command->callback([&common, &status] {
    for (const EffectiveSetting& setting : start(common).effective)
      fmt::print("{:<28}{:<36}{:<18}{}\n", setting.name, setting.value.empty() ? "(unset)" : setting.value,
                 setting.origin, setting.meaning);
    status = 0;
  });
}

}  // namespace peregrine::cli
