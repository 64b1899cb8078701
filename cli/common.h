// Flags that every subcommand has, and the settings that come out of them.
#pragma once

#include <CLI/App.hpp>
#include <map>
#include <optional>
#include <string>

#include "peregrine/settings.h"

namespace peregrine::cli {

/// Filled by CLI11 while it parses; lives as long as the application.
struct CommonFlags {
  std::string engine = "auto";
  std::optional<std::string> config;
  bool quiet = false, verbose = false, log_json = false;
  std::map<std::string, std::string> settings;  ///< setting name -> text
};

/// Adds the common flags to a subcommand.
void add_common_flags(CLI::App& command, CommonFlags& flags);
/// Adds a flag that sets a setting: its help comes from the settings table.
void add_setting_flag(CLI::App& command, CommonFlags& flags, const std::string& flag,
                      const std::string& setting);

/// Sets up the log, once; what is said before it has no form.
void begin_log(const CommonFlags& flags);
/// The same, and reads file, environment and flags.
LoadedSettings start(const CommonFlags& flags);

/// A subcommand: adds itself to the application; its callback sets the exit status.
using AddCommand = void (*)(CLI::App& app, CommonFlags& common, int& status);
void add_predict(CLI::App& app, CommonFlags& common, int& status);
void add_export(CLI::App& app, CommonFlags& common, int& status);
void add_bench(CLI::App& app, CommonFlags& common, int& status);
void add_build(CLI::App& app, CommonFlags& common, int& status);
void add_engines(CLI::App& app, CommonFlags& common, int& status);
void add_migrate(CLI::App& app, CommonFlags& common, int& status);
void add_val(CLI::App& app, CommonFlags& common, int& status);
void add_audit(CLI::App& app, CommonFlags& common, int& status);
void add_explain(CLI::App& app, CommonFlags& common, int& status);
void add_selftest(CLI::App& app, CommonFlags& common, int& status);
void add_config(CLI::App& app, CommonFlags& common, int& status);
void add_doctor(CLI::App& app, CommonFlags& common, int& status);
void add_completion(CLI::App& app, CommonFlags& common, int& status);

}  // namespace peregrine::cli
