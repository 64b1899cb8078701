#include <fmt/format.h>

#include "core/text.h"
#include "engine_cache/store/files.h"
#include "formats/onnx/write/export.h"
#include "peregrine/error.h"
#include "peregrine/version.h"
#include "tools/migrate/steps.h"

namespace peregrine::migrate::steps {

namespace {

namespace fs = std::filesystem;

onnx::ExportOptions options_of(const ModelSlot& slot, Precision precision) {
  onnx::ExportOptions options;
  options.precision =
      precision == Precision::fp16 ? DType::f16 : DType::f32;  // ONNX files of bf16 are read by few programs
  options.batch = slot.request.shape.batch;
  options.height = slot.request.shape.height;
  options.width = slot.request.shape.width;
  return options;
}

/// Named after what it was made from and how, so that a model of the same name takes no other's place.
std::string name_of(const ModelSlot& slot, const onnx::ExportOptions& options) {
  return fmt::format("{}-{}-{}-{}x{}x{}.onnx", to_string(slot.task_slot), slot.info().sha256.substr(0, 16),
                     options.precision == DType::f16 ? "fp16" : "fp32", *options.batch, options.height,
                     options.width);
}

void write(const Model& model, const onnx::ExportOptions& options, const fs::path& file) {
  try {
    onnx::export_model(model, options, file);
  } catch (const Error& error) {
    if (error.code() != "output.write") throw;
    throw Error("store.write", error.sentence(), "Free some space, or choose another place with --store.");
  }
}

bool is_onnx(const ModelSlot& slot) { return slot.info().architecture == "ONNX"; }

}  // namespace

StepSummary export_models(Migration& migration) {
  const fs::path folder = migration.store.root() / "onnx";
  int written = 0, kept = 0, given = 0;
  for (std::size_t i = 0; i < migration.slots.size(); ++i) {
    const ModelSlot& slot = migration.slots[i];
    if (is_onnx(slot)) {
      ++given;
      continue;
    }
    migration.tell(i, 0, "writing ONNX");
    const onnx::ExportOptions options = options_of(slot, migration.context->precision);
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
  StepSummary summary{written > 0 ? StepResult::Verdict::passed : StepResult::Verdict::still_valid, {}};
  summary.sentence =
      fmt::format("{} written, {} still there{} ({})", written, kept,
                  given > 0 ? fmt::format(", {} given as ONNX", given) : "", printable(folder.native()));
  return summary;
}

}  // namespace peregrine::migrate::steps
