#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>

#include "command_files.h"
#include "common.h"
#include "core/os/output_file.h"
#include "core/task/task_traits.h"
#include "core/text.h"
#include "formats/onnx/write/export.h"
#include "peregrine/error.h"
#include "predictor/models/model_engine.h"

namespace peregrine::cli {

namespace {

struct Flags {
  std::filesystem::path model, output;
  std::string batch;  ///< empty: the setting BATCH
  bool decoded = false;
};

/// Nothing: any batch.
std::optional<int> parse_batch(const std::string& text, int setting) {
  if (text.empty()) return setting;
  if (text == "dynamic") return std::nullopt;
  int batch = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), batch);
  if (failure != std::errc{} || end != text.data() + text.size() || batch < 1)
    throw Error("usage.batch", fmt::format("--batch is \"{}\".", printable(text)),
                "Give it a positive number, or dynamic.");
  return batch;
}

DType dtype_of(const Settings& settings) {
  const Precision precision =
      settings.precision.value_or(settings.tensorrt_fp16 ? Precision::fp16 : Precision::fp32);
  if (precision == Precision::bf16)
    throw Error("usage.precision", "ONNX files are written in fp16 or fp32, not in bf16.",
                "Pass --precision fp16 or fp32.");
  return precision == Precision::fp16 ? DType::f16 : DType::f32;
}

int run_export(const CommonFlags& common, const Flags& flags) {
  OutputGuard guard = guard_of(common);
  add_models(guard, {flags.model});
  guard.writes(flags.output, "--output");
  guard.check();
  const Settings settings = start(common).settings;
  add_settings(guard, settings);
  guard.check();
  check_writable(flags.output);
  onnx::ExportOptions options;
  options.precision = dtype_of(settings);
  options.batch = parse_batch(flags.batch, settings.batch);
  options.decoded = flags.decoded;
  const Model model = load_model(flags.model, task_hint(settings, 0, 1));
  const ModelInfo& info = model.info();
  const InputShape shape = predictor::input_shape(info, settings.imgsz, options.batch.value_or(1));
  options.height = shape.height;
  options.width = shape.width;
  onnx::export_model(model, options, flags.output);
  if (!common.quiet)
    fmt::print("{}: {} from {}, {}, input {}x3x{}x{}{}\n", printable(flags.output.native()),
               to_string(info.task), printable(info.name), to_string(options.precision),
               options.batch ? std::to_string(*options.batch) : std::string("N"), shape.height, shape.width,
               traits_of(info).embeds ? ""
               : options.decoded      ? ", head decoded"
                                      : ", raw head");
  return 0;
}

}  // namespace

void add_export(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("export", "Write a model as an ONNX file");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  command->add_option("model", flags->model, "checkpoint (.pt, .pth) or ONNX file")
      ->required()
      ->type_name("FILE");
  command->add_option("-o,--output", flags->output, "the ONNX file to write")->required()->type_name("FILE");
  command->add_option("--batch", flags->batch, "images a run; dynamic: any number (BATCH)")
      ->type_name("N|dynamic");
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  command->add_flag("--decoded", flags->decoded,
                    "boxes and scores in Ultralytics' layout instead of the raw head");
  command->callback([&common, &status, flags] { status = run_export(common, *flags); });
}

}  // namespace peregrine::cli
