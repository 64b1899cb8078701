#include "tools/doctor/python.h"

#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/os/child.h"
#include "core/text.h"
#include "peregrine/error.h"

namespace peregrine::doctor {

namespace {

constexpr const char* probe = R"(
import json, sys
from importlib import metadata
def version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ''
print(json.dumps({'version': sys.version.split()[0], 'torch': version('torch'),
    'ultralytics': version('ultralytics')}))
)";

std::vector<std::string> candidates(const std::filesystem::path& wanted) {
  if (!wanted.empty()) return {wanted.native()};
  std::vector<std::string> programs;
  for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const char* folder = std::getenv(variable); folder && *folder)
      programs.push_back(std::string(folder) + "/bin/python");
  programs.insert(programs.end(), {"python3", "python"});
  return programs;
}

FoundPython examine(const std::string& program, std::chrono::milliseconds limit,
                    const std::function<bool()>& stop) {
  FoundPython found{.program = program, .version = {}, .torch = {}, .ultralytics = {}, .why = {}};
  const std::string name = printable(program);
  const ChildResult run = run_child({program, "-B", "-c", probe}, limit, {}, stop);
  if (run.stopped) throw Error("interrupted", "Interrupted while Python was looked at.");
  if (!run.started) {
    found.program.clear();
    found.why = fmt::format("there is no {}", name);
    return found;
  }
  const auto facts = nlohmann::json::parse(run.out, nullptr, false);
  if (run.timed_out)
    found.why =
        fmt::format("{} did not answer within {} s", name, std::chrono::duration<double>(limit).count());
  else if (run.status != 0 || !facts.is_object())
    found.why = fmt::format("{} cannot run a program (exit status {})", name, run.status);
  if (!found.why.empty()) return found;
  found.version = facts.value("version", "");
  found.torch = facts.value("torch", "");
  found.ultralytics = facts.value("ultralytics", "");
  if (found.torch.empty() || found.ultralytics.empty())
    found.why = fmt::format("{} has no {}", name,
                            !found.torch.empty()         ? "ultralytics"
                            : !found.ultralytics.empty() ? "torch"
                                                         : "torch and no ultralytics");
  return found;
}

}  // namespace

FoundPython find_python(const std::filesystem::path& wanted, std::chrono::milliseconds limit,
                        const std::function<bool()>& stop) {
  FoundPython best;
  for (const std::string& program : candidates(wanted)) {
    FoundPython found = examine(program, limit, stop);
    if (found.usable()) return found;
    if (best.why.empty() || (best.version.empty() && !found.version.empty())) best = std::move(found);
  }
  return best;
}

}  // namespace peregrine::doctor
