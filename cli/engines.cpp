// `peregrine engines`: what the store holds, and what of it is deployed.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "common.h"
#include "console.h"
#include "core/text.h"
#include "engine_cache/engine_cache.h"
#include "engine_cache/store/store.h"
#include "engine_json.h"
#include "peregrine/error.h"
#include "progress.h"

namespace peregrine::cli {

namespace {

using store::Store;

void print_deployment(const store::Deployment& deployment) {
  fmt::print("deployed: deployment {}\n", deployment.number);
  for (const auto& [task, service] : deployment.task_slots)
    fmt::print("  {:<9}{}{}\n", to_string(task), service.engine, service.unverified ? "  (unverified)" : "");
}

/// Characters, as a terminal counts those of the usual alphabets: bytes that begin one.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

/// Each column as wide as its widest cell; the last, as long as it likes.
void print_columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i + 1 < row.size(); ++i)
      line += row[i] + std::string(widths[i] + 2 - width_of(row[i]), ' ');
    fmt::print("{}{}\n", line, row.back());
  }
}

void list(const Store& store) {
  std::vector<std::vector<std::string>> rows{
      {"ID", "MODEL", "TASK", "ENGINE", "TYPE", "INPUT", "VERIFICATION"}};
  for (const store::Listing& listing : store.list()) {
    if (!listing.manifest) {
      rows.push_back({listing.id, printable(listing.damage)});
      continue;
    }
    const store::Manifest& m = *listing.manifest;
    rows.push_back({m.id, printable(m.model.name), to_string(m.model.task), m.identity.engine,
                    to_string(m.identity.precision), store::to_string(m.identity.input), state_of(m)});
  }
  print_columns(rows);
  print_deployment(store.current());
  for (const store::Deployment& kept : store.deployments())
    fmt::print("kept: deployment {} of {}\n", kept.number, kept.since);
}

nlohmann::ordered_json entry_of(const store::Deployment& deployment) {
  nlohmann::ordered_json task_slots = nlohmann::ordered_json::object();
  for (const auto& [task, service] : deployment.task_slots)
    task_slots[to_string(task)] = {{"engine", service.engine}, {"unverified", service.unverified}};
  return {{"generation", deployment.number}, {"since", deployment.since}, {"roles", task_slots}};
}

void list_as_json(const Store& store) {
  nlohmann::ordered_json engines = nlohmann::ordered_json::array(), kept = nlohmann::ordered_json::array();
  for (const store::Listing& listing : store.list()) {
    if (listing.manifest)
      engines.push_back(to_json(*listing.manifest));
    else
      engines.push_back({{"id", listing.id}, {"damage", printable(listing.damage)}});
  }
  for (const store::Deployment& deployment : store.deployments()) kept.push_back(entry_of(deployment));
  const nlohmann::ordered_json all{
      {"engines", engines}, {"current", entry_of(store.current())}, {"kept", kept}};
  fmt::print("{}\n", all.dump(1));
}

/// Digests of one engine, or of all.
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

/// Holds a cached engine against the FP32 reference of its model again, as after a change of the driver.
int compare_again(Store& store, Settings settings, const std::string& id, const std::string& file,
                  bool quiet) {
  const store::Manifest kept = store.show(id);
  const Model model = engine_cache::open_model_expecting(file, hint_of(kept.model));
  if (model.info().sha256 != kept.identity.model_sha256)
    throw Error("usage.model",
                fmt::format("{} is not the file that engine {} was made from.", printable(file), kept.id),
                fmt::format("Give {} as it was then, or build its engine: `peregrine build`.",
                            printable(kept.model.name)));
  settings.precision = kept.identity.precision;
  catch_interrupt();
  Progress progress("%", quiet);
  const engine_cache::VerificationOptions options{
      .images = {}, .progress = [&](double share, std::string_view what) {
        progress.update(static_cast<std::size_t>(share * 100), 100, std::string(what));
        return !interrupted();
      }};
  const auto context = engine_cache::choose_engine(settings, kept.identity.engine, options.progress);
  const store::Manifest compared = engine_cache::verify_again(store, kept, model, context, options);
  progress.clear();
  fmt::print("{}: intact; {}\n", compared.id, state_of(compared));
  const auto& record = compared.validation;
  return record && record->ran && !record->passed() ? exit_status("validation") : 0;
}

/// Settings and store for an action of a subcommand.
template <class Action>
void on_call(CLI::App* command, CommonFlags& common, int& status, Action action) {
  add_common_flags(*command, common);
  command->callback([&common, &status, action] {
    const Settings settings = start(common).settings;
    Store store(settings.store);
    if constexpr (std::is_invocable_v<Action, Store&, const Settings&>)
      status = action(store, settings);
    else
      status = action(store);
  });
}

}  // namespace

void add_engines(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("engines", "The store: list, show, verify, remove; deploy engines");
  command->require_subcommand(1);
  struct Flags {
    std::string id, model;
    std::vector<std::string> ids;
    std::optional<int> deployment;
    bool json = false, force = false, unverified = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* all = command->add_subcommand("list", "engines, and what is deployed");
  all->add_flag("--json", flags->json, "as JSON");
  on_call(all, common, status, [flags](Store& store) {
    flags->json ? list_as_json(store) : list(store);
    return 0;
  });
  CLI::App* show = command->add_subcommand("show", "an engine's manifest, as JSON");
  show->add_option("id", flags->id, "its first digits do")->required();
  on_call(show, common, status, [flags](Store& store) {
    fmt::print("{}\n", store::write_manifest(store.show(flags->id)));
    return 0;
  });
  CLI::App* check = command->add_subcommand(
      "verify", "checks the digests of one engine, or of all; with --model also its numbers");
  check->add_option("id", flags->id, "its first digits do");
  check
      ->add_option("--model", flags->model,
                   "the file that the engine was made from: compares it with the FP32 reference again")
      ->type_name("FILE");
  on_call(check, common, status, [flags, &common](Store& store, const Settings& settings) {
    if (flags->model.empty()) return verify(store, flags->id);
    return compare_again(store, settings, flags->id, flags->model, common.quiet);
  });
  CLI::App* remove = command->add_subcommand("remove", "removes an engine that is not deployed");
  remove->add_option("id", flags->id, "its first digits do")->required();
  remove->add_flag("--force", flags->force, "also one that an earlier deployment names");
  on_call(remove, common, status, [flags](Store& store) {
    store.remove(flags->id, flags->force);
    return 0;
  });
  CLI::App* use = command->add_subcommand("use", "deploys engines, each for its model's task");
  use->add_option("ids", flags->ids, "their first digits do")->required();
  use->add_flag("--unverified", flags->unverified, "also engines that did not pass their verification");
  on_call(use, common, status, [flags](Store& store) {
    print_deployment(
        store.use(flags->ids, flags->unverified ? store::Trust::unverified : store::Trust::verified));
    return 0;
  });
  CLI::App* restore = command->add_subcommand("restore", "deploys an earlier deployment again");
  restore->add_option("generation", flags->deployment, "its number; otherwise the one before");
  on_call(restore, common, status, [flags](Store& store) {
    print_deployment(store.restore(flags->deployment));
    return 0;
  });
}

}  // namespace peregrine::cli
