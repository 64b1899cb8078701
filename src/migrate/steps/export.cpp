#include <fmt/format.h>

#include "base/text.h"
#include "engine/store/files.h"
#include "migrate/steps.h"
#include "model/onnx/export.h"
#include "peregrine/error.h"
#include "peregrine/version.h"

namespace peregrine::migrate::steps {

namespace {

namespace fs = std::filesystem;

onnx::ExportOptions options_of(const Slot& slot, Precision precision) {
  onnx::ExportOptions options;
  options.precision = precision == Precision::fp16 ? DType::f16 : DType::f32;  // ONNX files of bf16 are read by few programs
  options.batch = slot.request.shape.batch;
  options.height = slot.request.shape.height;
  options.width = slot.request.shape.width;
  return options;
}

/// Named after what it was made from and how, so that a model of the same name takes no other's place.
std::string name_of(const Slot& slot, const onnx::ExportOptions& options) {
  return fmt::format("{}-{}-{}-{}x{}x{}.onnx", to_string(slot.role), slot.info().sha256.substr(0, 16),
                     options.precision == DType::f16 ? "fp16" : "fp32", *options.batch, options.height, options.width);
}

void write(const Model& model, const onnx::ExportOptions& options, const fs::path& file) {
  try {
    onnx::export_model(model, options, file);
  } catch (const Error& error) {
    if (error.code() != "output.write") throw;
    throw Error("store.write", error.sentence(), "Free some space, or choose another place with --store.");
  }
}

bool is_onnx(const Slot& slot) { return slot.info().architecture == "ONNX"; }

}  // namespace

StepOutcome export_models(Migration& migration) {
  const fs::path folder = migration.store.root() / "onnx";
  int written = 0, kept = 0, given = 0;
  for (std::size_t i = 0; i < migration.slots.size(); ++i) {
    const Slot& slot = migration.slots[i];
    if (is_onnx(slot)) {
      ++given;
      continue;
    }
    migration.progress_of(i)(0, "writing ONNX");
    const onnx::ExportOptions options = options_of(slot, migration.choice->precision);
    const fs::path file = folder / name_of(slot, options);
    const std::string key = fmt::format("export {}, peregrine {}", file.filename().native(), version);
    const auto present = store::digest_of(file);
    const auto done = migration.journal.done.find(key);
    if (present && done != migration.journal.done.end() && done->second == *present) {
      ++kept;
      continue;
    }
    store::make_folders(folder);
    write(*slot.model, options, file);
    migration.journal.done[key] = store::digest_of(file).value_or("");
    ++written;
  }
  StepOutcome outcome{written > 0 ? StepResult::Verdict::passed : StepResult::Verdict::still_valid, {}};
  outcome.sentence = fmt::format("{} written, {} still there{} ({})", written, kept,
                                 given > 0 ? fmt::format(", {} given as ONNX", given) : "", printable(folder.native()));
  return outcome;
}

}  // namespace peregrine::migrate::steps
