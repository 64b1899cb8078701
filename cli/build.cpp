// `peregrine build`: engines into the store, verified.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "common.h"
#include "console.h"
#include "pipeline/model_engine.h"
#include "progress.h"
#include "provision/provision.h"
#include "source/source.h"

namespace peregrine::cli {

namespace {

struct Flags {
  std::vector<std::string> models, images;
  std::string out;
  bool rebuild = false;
};

void print_record(const store::Manifest& manifest) {
  const store::Identity& identity = manifest.identity;
  fmt::print("{}: engine {} ({}, {}, {}), built in {:.1f} s\n", printable(manifest.model.name), manifest.id, identity.engine,
             to_string(manifest.effective_precision), store::to_string(identity.input), manifest.build_seconds);
  if (!manifest.validation) return;
  const store::ValidationRecord& record = *manifest.validation;
  fmt::print("  verification: {}{}{}\n", store::verdict(record), record.ran ? ", against " + record.reference : "",
             record.note.empty() ? "" : " (" + record.note + ")");
  for (const store::Check& check : record.checks)
    fmt::print("  {:<40}{:<14.6g}limit {:.4g}{}\n", check.name, check.value, check.limit, check.holds() ? "" : "  FAILED");
  for (const std::string& departure : record.departures) fmt::print("  departs: {}\n", printable(departure));
}

int build(const CommonFlags& common, const Flags& flags) {
  const LoadedSettings loaded = start(common);
  const Settings& settings = loaded.settings;
  catch_interrupt();
  if (!flags.out.empty() && flags.models.size() > 1)
    throw Error("usage.out", "--out takes the engine of one model.", "Build one model at a time.");
  const provision::EngineChoice choice = provision::choose_engine(settings, common.engine);
  store::Store store(settings.store);
  int status = 0;
  for (const std::string& file : flags.models) {
    const Model model = provision::open_model(file);
    provision::Request request{.shape = pipeline::input_shape(model.info(), settings.imgsz, settings.batch),
                               .rebuild = flags.rebuild};
    if (!flags.images.empty())
      for (const source::Item& item : source::expand(flags.images)) {
        if (item.error) throw Error(*item.error);
        request.verification.pictures.push_back(item.path);
      }
    Progress progress("%", common.quiet);
    request.verification.progress = [&](double share, std::string_view what) {
      progress.update(static_cast<std::size_t>(share * 100), 100, fmt::format("{}: {}", model.info().name, what));
      return !interrupted();
    };
    const provision::Obtained obtained = provision::obtain(store, model, choice, request);
    progress.clear();
    if (!common.quiet) print_record(obtained.manifest);
    const auto& record = obtained.manifest.validation;
    if (record && record->ran && !record->passed()) status = exit_status("validation");
    if (!flags.out.empty()) store.copy_out(obtained.manifest.id, flags.out);
  }
  return status;
}

}  // namespace

void add_build(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("build", "Build engines into the store and hold them against the FP32 reference");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  command->add_option("models", flags->models, "checkpoints (.pt) or ONNX files")->required()->type_name("MODEL");
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  add_setting_flag(*command, common, "--batch", "BATCH");
  command->add_option("--images", flags->images, "pictures to compare on; otherwise the built-in scenes")->type_name("DIR");
  command->add_option("--out", flags->out, "put a copy of the engine into this folder as well")->type_name("DIR");
  command->add_flag("--rebuild", flags->rebuild, "build although the engine is there; the old one stays until the new one is");
  command->callback([&common, &status, flags] { status = build(common, *flags); });
}

}  // namespace peregrine::cli
