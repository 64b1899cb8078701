// Shell completion, made from the commands and flags that CLI11 knows, so that it cannot lag behind.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "common.h"

namespace peregrine::cli {

namespace {

std::string flags_of(const CLI::App& command) {
  std::string words;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  return words;
}

std::string bash_script(const CLI::App& app) {
  std::string names, cases;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names += command->get_name() + " ";
    cases += fmt::format("    {}) words=\"{}\" ;;\n", command->get_name(), flags_of(*command));
  }
  return fmt::format(R"(_peregrine() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} words="{}--help --version"
  case ${{COMP_WORDS[1]}} in
{}  esac
  [ "$COMP_CWORD" -eq 1 ] && words="{}--help --version"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ "${{current#-}}" = "$current" ] && [ "$COMP_CWORD" -gt 1 ] && COMPREPLY=($(compgen -f -- "$current"))
}}
complete -o filenames -F _peregrine peregrine
)",
                     names, cases, names);
}

}  // namespace

void add_completion(CLI::App& app, CommonFlags&, int& status) {
  CLI::App* command = app.add_subcommand("completion", "Print shell completion: bash, or zsh through bashcompinit");
  auto shell = std::make_shared<std::string>("bash");
  command->add_option("shell", *shell, "bash or zsh")->check(CLI::IsMember({"bash", "zsh"}));
  command->callback([&app, &status, shell] {
    if (*shell == "zsh") fmt::print("autoload -U +X bashcompinit && bashcompinit\n");
    fmt::print("{}", bash_script(app));
    status = 0;
  });
}

}  // namespace peregrine::cli
