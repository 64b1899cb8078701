// `peregrine engines`: what the store holds, and what of it is in service.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "common.h"
#include "engine/store/store.h"
#include "peregrine/error.h"

namespace peregrine::cli {

namespace {

using store::Store;

/// "no record", "passed", "failed: ..."
std::string state_of(const store::Manifest& manifest) {
  return manifest.validation ? store::verdict(*manifest.validation) : "not verified";
}

void print_service(const store::Generation& generation) {
  fmt::print("in service: generation {}\n", generation.number);
  for (const auto& [task, service] : generation.roles)
    fmt::print("  {:<9}{}{}\n", to_string(task), service.engine, service.unverified ? "  (unverified)" : "");
}

void list(const Store& store) {
  fmt::print("{:<18}{:<24}{:<9}{:<10}{:<6}{:<16}{}\n", "ID", "MODEL", "TASK", "ENGINE", "TYPE", "INPUT", "VERIFICATION");
  for (const store::Listing& listing : store.list()) {
    if (!listing.manifest) {
      fmt::print("{:<18}{}\n", listing.id, listing.damage);
      continue;
    }
    const store::Manifest& m = *listing.manifest;
    fmt::print("{:<18}{:<24}{:<9}{:<10}{:<6}{:<16}{}\n", m.id, printable(m.model.name), to_string(m.model.task),
               m.identity.engine, to_string(m.identity.precision), store::to_string(m.identity.input), state_of(m));
  }
  print_service(store.current());
  for (const store::Generation& kept : store.generations()) fmt::print("kept: generation {} of {}\n", kept.number, kept.since);
}

int verify(const Store& store, const std::string& id) {
  int status = 0;
  for (const store::Listing& listing : store.list()) {
    if (!listing.id.starts_with(id)) continue;
    try {
      store.verify_integrity(listing.id);
      fmt::print("{}: intact; {}\n", listing.id, state_of(listing.manifest.value()));
    } catch (const Error& error) {
      fmt::print("{}: {}\n", listing.id, error.what());
      status = exit_status(error.code());
    }
  }
  if (!id.empty()) store.show(id);  // says so where there is none
  return status;
}

/// Settings and store for an action of a subcommand.
template <class Action>
void on_call(CLI::App* command, CommonFlags& common, int& status, Action action) {
  add_common_flags(*command, common);
  command->callback([&common, &status, action] {
    Store store(start(common).settings.store);
    status = action(store);
  });
}

}  // namespace

void add_engines(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("engines", "The store: list, show, verify, remove; put engines into service");
  command->require_subcommand(1);
  struct Flags {
    std::string id;
    std::vector<std::string> ids;
    std::optional<int> generation;
    bool force = false, unverified = false;
  };
  auto flags = std::make_shared<Flags>();
  on_call(command->add_subcommand("list", "engines, and what is in service"), common, status, [](Store& store) {
    list(store);
    return 0;
  });
  CLI::App* show = command->add_subcommand("show", "an engine's manifest, as JSON");
  show->add_option("id", flags->id, "its first digits do")->required();
  on_call(show, common, status, [flags](Store& store) {
    fmt::print("{}\n", store::write_manifest(store.show(flags->id)));
    return 0;
  });
  CLI::App* check = command->add_subcommand("verify", "checks the digests of one engine, or of all");
  check->add_option("id", flags->id, "its first digits do");
  on_call(check, common, status, [flags](Store& store) { return verify(store, flags->id); });
  CLI::App* remove = command->add_subcommand("remove", "removes an engine that is not in service");
  remove->add_option("id", flags->id, "its first digits do")->required();
  remove->add_flag("--force", flags->force, "also one that an earlier generation names");
  on_call(remove, common, status, [flags](Store& store) {
    store.remove(flags->id, flags->force);
    return 0;
  });
  CLI::App* use = command->add_subcommand("use", "puts engines into service, each for its model's task");
  use->add_option("ids", flags->ids, "their first digits do")->required();
  use->add_flag("--unverified", flags->unverified, "also engines that did not pass their verification");
  on_call(use, common, status, [flags](Store& store) {
    print_service(store.use(flags->ids, flags->unverified ? store::Trust::unverified : store::Trust::verified));
    return 0;
  });
  CLI::App* restore = command->add_subcommand("restore", "puts an earlier generation into service again");
  restore->add_option("generation", flags->generation, "its number; otherwise the one before");
  on_call(restore, common, status, [flags](Store& store) {
    print_service(store.restore(flags->generation));
    return 0;
  });
}

}  // namespace peregrine::cli
