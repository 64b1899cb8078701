// An option whose value is one of a few names. (CLI11's own transformers print an enumeration's values into
// the help.)
#pragma once

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <map>
#include <string>

namespace peregrine::cli {

/// `target` takes the value of the name that is given; it lives as long as the application.
template <class Value, class Target>
CLI::Option* add_choice(CLI::App& command, const std::string& flag, Target& target,
                        const std::map<std::string, Value>& choices, const std::string& meaning) {
  return command
      .add_option_function<std::string>(
          flag, [&target, choices](const std::string& name) { target = choices.at(name); }, meaning)
      ->check(CLI::IsMember(choices))
      ->type_name("NAME");
}

}  // namespace peregrine::cli
