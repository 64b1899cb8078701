#include "engine/tensorrt/onnx_build.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/text.h"
#include "engine/tensorrt/elapsed_time_report.h"
#include "peregrine/error.h"

namespace peregrine::tensorrt {

namespace {

/// "node 'model.0.conv' (Conv): what the parser says"
std::string describe(const ParserComplaint& complaint) {
  std::string where = "the file";
  if (complaint.node >= 0 && complaint.node_name.empty())
    where = fmt::format("node {}", complaint.node);
  else if (complaint.node >= 0)
    where = fmt::format("node '{}' ({})", printable(complaint.node_name), printable(complaint.node_operator));
  return fmt::format("{}: {}", where, printable(complaint.description));
}

[[noreturn]] void throw_refusal(const Library& library, const Parser& parser) {
  constexpr int file_cannot_be_read = 3;
  std::string words;
  bool damaged = false;
  std::vector<std::string> logged = library.logger().reasons();
  for (const ParserComplaint& complaint : parser.complaints()) {
    words += fmt::format("{}{}", words.empty() ? "" : "; ", describe(complaint));
    damaged = damaged || complaint.code == file_cannot_be_read;
    const std::string said = printable(complaint.description);
    std::erase_if(logged, [&](const std::string& error) { return error.find(said) != std::string::npos; });
  }
  if (words.empty()) throw_failure(library, "read the model");
  if (!logged.empty()) words += fmt::format("; in its log: {}", fmt::join(logged, " | "));
  if (lacks_plugins(library, words))
    throw Error("engine.unsupported",
                fmt::format("{} cannot read the model: {}{} {}", to_string(library.version()), words,
                            words.ends_with('.') ? "" : ".", library.plugins_missing()),
                how_to_get_plugins(library));
  throw Error(damaged ? "model.damaged" : "engine.unsupported",
              fmt::format("{} cannot read the model: {}{}", to_string(library.version()), words,
                          words.ends_with('.') ? "" : "."),
              damaged ? "" : "Use --engine cuda for this model.");
}

/// N of "Requested size was N bytes"; 0 where the text does not say it.
std::size_t requested_bytes(const std::vector<std::string>& errors) {
  constexpr std::string_view before = "equested size was ";
  std::size_t largest = 0;
  for (const std::string& error : errors) {
    const std::size_t at = error.find(before);
    if (at == std::string::npos) continue;
    const char* number = error.data() + at + before.size();
    std::size_t bytes = 0;
    std::from_chars(number, error.data() + error.size(), bytes);
    largest = std::max(largest, bytes);
  }
  return largest;
}

/// TensorRT says the same where the workspace is too small and where the GPU's memory is short. In MiB.
std::string workspace_hint(std::size_t wanted, std::optional<std::size_t> free) {
  if (!free) return fmt::format("Pass --workspace {}.", wanted);
  if (wanted > *free)
    return fmt::format(
        "Free memory on the GPU (nvidia-smi shows who holds it) until a workspace of {} MiB fits, and "
        "pass --workspace {}; or use a smaller batch or image size.",
        wanted, wanted);
  return fmt::format(
      "Pass --workspace {}. If TensorRT says so again, memory on the GPU is short: free some "
      "(nvidia-smi shows who holds it), or use a smaller batch or image size.",
      wanted);
}

}  // namespace

OnnxBuild::OnnxBuild(const Library& library, std::span<const std::byte> file)
    : library_((library.logger().begin(), library)),
      builder_(library),
      network_(builder_.create_network()),
      parser_(network_) {
  // The parser takes these for models without a layer.
  if (file.empty()) throw Error("model.damaged", "The ONNX model is empty.");
  if (!parser_.parse(file)) throw_refusal(library, parser_);
  if (network_.layers().empty() || network_.outputs().empty())
    throw Error("model.damaged",
                "The ONNX model has no layers or no outputs: it is damaged, or no ONNX file at all.");
}

BuilderConfig OnnxBuild::configure(const Options& options) const {
  BuilderConfig config = builder_.create_config();
  config.disable_tf32();  // FP32 means FP32
  if (options.fp16_by_flag) config.enable_fp16();
  config.set_verbosity(Verbosity::detailed);
  if (options.workspace_bytes > 0) config.set_workspace(options.workspace_bytes);
  if (options.optimization_level) config.set_optimization_level(*options.optimization_level);
  if (!options.compute_capabilities.empty() && !config.set_compute_capabilities(options.compute_capabilities))
    throw_failure(
        library_,
        fmt::format("build for compute capabilities {}", fmt::join(options.compute_capabilities, ", ")),
        "engine.tensorrt", "Only TensorRT-RTX builds for cards that are not there.");
  if (!options.batches) return config;
  const Profile profile = builder_.create_profile();
  for (const Tensor& input : network_.inputs()) {
    Shape shape = to_shape(input.dims());
    const auto set = [&](ProfileEnd end, int batch) {
      shape[0] = batch;
      if (!profile.set(input.name(), end, shape))
        throw_failure(library_, fmt::format("take batch {} of '{}'", batch, input.name()));
    };
    set(ProfileEnd::min, options.batches->min);
    set(ProfileEnd::opt, options.batches->opt);
    set(ProfileEnd::max, options.batches->max);
  }
  config.add(profile);
  return config;
}

void OnnxBuild::throw_build_failure(const Options& options) const {
  constexpr std::size_t mebibyte = std::size_t{1} << 20;
  const std::vector<std::string> errors = library_.logger().reasons();
  const std::size_t asked = requested_bytes(errors);
  const bool too_small = asked > 0 || std::ranges::any_of(errors, [](const std::string& error) {
                           return error.find("within workspace limit") != std::string::npos ||
                                  error.find("insufficient workspace") != std::string::npos;  // TensorRT 8
                         });
  if (!too_small) {
    throw_if_memory_ran_out(library_, "build the engine",
                            "Free memory on the GPU (nvidia-smi shows who holds it), use a smaller batch or "
                            "image size, or a smaller "
                            "workspace: `peregrine build MODEL --workspace MIB`, and run that engine.");
    throw_its_words(library_, "build the engine", "engine.tensorrt", {});
  }
  // The number is what one step asked for, on top of what others hold.
  const std::size_t advice =
      std::max(options.workspace_bytes * 2, asked + options.workspace_bytes) / mebibyte + 1;
  const std::optional<std::size_t> free = options.free_memory();
  throw_its_words(
      library_,
      fmt::format("build the engine with a workspace of {} MiB{}{}", options.workspace_bytes / mebibyte,
                  asked > 0 ? fmt::format(" (it asked for {} bytes)", asked) : "",
                  free ? fmt::format(" and {} MiB free on the GPU", *free / mebibyte) : ""),
      "engine.workspace", workspace_hint(advice, free ? std::optional(*free / mebibyte) : std::nullopt));
}

std::optional<HostMemory> OnnxBuild::run_builder(const BuilderConfig& config, const Options& options) const {
  if (!config.tells_progress()) return builder_.build(network_, config);
  ProgressMonitor monitor(options.progress);
  config.set_progress(&monitor);
  std::optional<HostMemory> plan = builder_.build(network_, config);
  config.set_progress(nullptr);
  monitor.rethrow();
  if (monitor.cancelled()) throw Error("interrupted.build", "The build was cancelled.");
  return plan;
}

void OnnxBuild::merge_timing_cache(const BuilderConfig& config, const TimingCache& cache,
                                   std::span<const std::byte> known, const Options& options) const {
  if (const std::vector<std::byte> latest = options.read_timing_cache(); !std::ranges::equal(latest, known))
    if (const auto of_others = config.create_timing_cache(latest)) (void)cache.combine(*of_others);
  options.keep_timing_cache(cache.serialize());
}

OnnxBuild::Result OnnxBuild::build(const Options& options) const {
  library_.logger().begin();
  const BuilderConfig config = configure(options);
  Result result;
  if (const auto forbidden = config.use_tactics_of_present_libraries(); !forbidden.empty())
    result.notes.push_back(
        fmt::format("Built without kernels of {}, which are not installed for this TensorRT.",
                    fmt::join(forbidden, ", ")));
  const std::vector<std::byte> known = options.read_timing_cache();
  std::optional<TimingCache> cache = config.create_timing_cache(known);
  if (cache && !config.use(*cache)) cache.reset();
  std::optional<ElapsedTimeReport> report;
  if (!config.tells_progress()) report.emplace(options.progress, to_string(library_.version()));
  const std::optional<HostMemory> plan = run_builder(config, options);
  if (plan && cache) merge_timing_cache(config, *cache, known, options);
  if (report) report->finish();
  if (!plan) throw_build_failure(options);
  const auto bytes = plan->bytes();
  result.plan.assign(bytes.begin(), bytes.end());
  return result;
}

}  // namespace peregrine::tensorrt
