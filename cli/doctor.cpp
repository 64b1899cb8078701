#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "common.h"
#include "tools/doctor/environment.h"

namespace peregrine::cli {

void add_doctor(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command =
      app.add_subcommand("doctor", "Show what this machine has, what is needed and how to mend it");
  add_common_flags(*command, common);
  auto python = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  command->add_option("--python", *python, "the Python of your PyTorch pipeline")->type_name("PATH");
  command->add_flag("--json", *json, "print the table as JSON");
  command->callback([&common, &status, python, json] {
    const LoadedSettings loaded = start(common);
    doctor::EnvironmentNeeds needs = doctor::needs_of({});
    needs.python = *python;
    const doctor::Environment environment = doctor::check_environment(loaded.settings, needs);
    if (*json)
      fmt::print("{}\n", doctor::to_json(environment.rows).dump(2));
    else
      fmt::print("{}", doctor::to_text(environment.rows));
    status = 0;
  });
}

}  // namespace peregrine::cli
