// Shell completion, made from the commands and flags that CLI11 knows, so that it cannot lag behind.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <set>

#include "common.h"

namespace peregrine::cli {

namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

/// Its own, and those of its commands ("engines list").
std::set<std::string> flags_of(const CLI::App& command) {
  std::set<std::string> flags;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) flags.insert("--" + name);
  for (const CLI::App* part : commands_of(command)) flags.merge(flags_of(*part));
  return flags;
}

std::string names_of(const std::vector<const CLI::App*>& commands) {
  std::string names;
  for (const CLI::App* command : commands) names += (names.empty() ? "" : " ") + command->get_name();
  return names;
}

std::string bash_script(const CLI::App& app) {
  std::string cases;
  for (const CLI::App* command : commands_of(app))
    cases += fmt::format("    {}) flags=\"{}\" names=\"{}\" ;;\n", command->get_name(),
                         fmt::join(flags_of(*command), " "), names_of(commands_of(*command)));
  return fmt::format(R"(_peregrine() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} flags="--help --version" names="{}"
  [ "$COMP_CWORD" -gt 1 ] && case ${{COMP_WORDS[1]}} in
{}  esac
  case $current in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$names" -- "$current"))
       [ "$COMP_CWORD" -gt 1 ] && COMPREPLY+=($(compgen -f -- "$current")) ;;
  esac
}}
complete -o filenames -F _peregrine peregrine
)",
                     names_of(commands_of(app)), cases);
}

}  // namespace

void add_completion(CLI::App& app, CommonFlags&, int& status) {
  CLI::App* command =
      app.add_subcommand("completion", "Print shell completion: bash, or zsh through bashcompinit");
  auto shell = std::make_shared<std::string>("bash");
  command->add_option("shell", *shell, "bash or zsh")->check(CLI::IsMember({"bash", "zsh"}));
  command->callback([&app, &status, shell] {
    if (*shell == "zsh") fmt::print("autoload -U +X bashcompinit && bashcompinit\n");
    fmt::print("{}", bash_script(app));
    status = 0;
  });
}

}  // namespace peregrine::cli
