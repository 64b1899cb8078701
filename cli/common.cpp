#include "common.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <algorithm>
#include <utility>

#include "console.h"

namespace peregrine::cli {

void add_setting_flag(CLI::App& command, CommonFlags& flags, const std::string& flag,
                      const std::string& setting) {
  const auto entry = std::ranges::find(setting_table(), setting, &SettingEntry::name);
  command
      .add_option_function<std::string>(
          flag, [&flags, setting](const std::string& text) { flags.settings[setting] = text; },
          std::string(entry->meaning) + " (" + setting + ")")
      ->type_name(std::string(entry->expects));
}

void add_common_flags(CLI::App& command, CommonFlags& flags) {
  command.add_option("--engine", flags.engine, "auto, cuda, tensorrt, tensorrt-rtx or openvino")
      ->type_name("NAME");
  add_setting_flag(command, flags, "--precision", "PRECISION");
  add_setting_flag(command, flags, "--device", "DEVICE");
  add_setting_flag(command, flags, "--task", "TASK");
  command.add_flag_callback(
      "--allow-cpu", [&flags] { flags.settings["FORCE_GPU_ONLY"] = "false"; },
      "the CPU may serve where no GPU does (turns FORCE_GPU_ONLY off)");
  command.add_option("--config", flags.config, "settings file; otherwise ./peregrine.toml where it exists")
      ->type_name("FILE");
  add_setting_flag(command, flags, "--store", "STORE");
  add_setting_flag(command, flags, "--tensorrt", "TENSORRT_LIBRARY");
  command.add_flag_callback(
      "--nvtx", [&flags] { flags.settings["NVTX"] = "true"; },
      "NVTX ranges around each stage and step, for NVIDIA's profilers");
  command.add_flag("--quiet,-q", flags.quiet, "errors only");
  command.add_flag("--verbose,-v", flags.verbose, "the debug log: device, engine, shapes, time of each step");
  command.add_flag("--log-json", flags.log_json, "the log as one JSON object a line");
}

void begin_log(const CommonFlags& flags) {
  static bool begun = false;
  if (!std::exchange(begun, true)) set_up_log(flags.quiet, flags.verbose, flags.log_json);
}

LoadedSettings start(const CommonFlags& flags) {
  begin_log(flags);
  return load_settings({flags.config, flags.settings});
}

}  // namespace peregrine::cli
