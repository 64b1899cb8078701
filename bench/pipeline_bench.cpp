// The whole way on this machine's GPU: a JPEG in host memory -> results in host memory, by the host's clock,
// with the stages' own times beside it; a stream of 100 such files; device memory; the decode alone by each
// backend of nvJPEG.
//
// pipeline_bench --picture F.jpg --store DIR --json F.json [--memory] [--batch N] [--max-det N] [--reid
// R.pth] MODEL.pt...
//
// Engines come out of the store DIR, where they are built and tuned the first time (not verified). Several
// models, and ReID, run side by side over each image; ReID embeds the objects of the class that the first
// model finds most of. The boxes it embeds are in the JSON, so that compare_torch_pipeline.py --ours embeds
// the same ones.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "cuda/array.h"
#include "cuda/device.h"
#include "cuda/runtime.h"
#include "cuda/stream.h"
#include "engine_cache/engine_context.h"
#include "peregrine/error.h"
#include "peregrine/pipeline.h"
#include "peregrine/version.h"
#include "predictor/runners.h"
#include "stages/decode/cuda/jpeg_decoder.h"

namespace {

using namespace peregrine;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr int warm_up = 20, calls = 200, stream_files = 100, stream_passes = 5;

struct Arguments {
  fs::path image, json;
  Settings settings;
  PipelineOptions options;
  bool memory = false;
};

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Arguments parse(int count, char** values) {
  Arguments arguments;
  arguments.options.unverified = true;
  arguments.options.engine = "cuda";
  arguments.settings.batch = 1;
  for (int i = 1; i < count; ++i) {
    const std::string name = values[i];
    const auto value = [&] {
      if (i + 1 >= count) throw Error("usage.bench", name + " needs a value.");
      return std::string(values[++i]);
    };
    if (name == "--picture")
      arguments.image = value();
    else if (name == "--json")
      arguments.json = value();
    else if (name == "--store")
      arguments.settings.store = value();
    else if (name == "--batch")
      arguments.settings.batch = std::stoi(value());
    else if (name == "--max-det")
      arguments.settings.max_det = std::stoi(value());
    else if (name == "--reid")
      arguments.options.reid = value();
    else if (name == "--memory")
      arguments.memory = true;
    else
      arguments.options.models.emplace_back(name);
  }
  if (arguments.image.empty() || arguments.options.models.empty())
    throw Error("usage.bench", "pipeline_bench needs --picture and a model.");
  return arguments;
}

std::vector<std::byte> bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

std::unique_ptr<predictor::BatchRunner> open(const Arguments& arguments) {
  engine_cache::EngineContext context =
      engine_cache::choose_engine(arguments.settings, arguments.options.engine);
  context.store = arguments.settings.store;
  context.unverified = true;
  return predictor::make_runner(std::move(context), arguments.settings, arguments.options);
}

/// One batch of the image; throws what an image failed with.
ImageResult run_once(predictor::BatchRunner& runner, const std::vector<predictor::Frame>& frames) {
  std::vector<predictor::RunnerResult> outcomes = runner.run(frames);
  for (const predictor::RunnerResult& frame_result : outcomes)
    if (frame_result.error) throw Error(*frame_result.error);
  return std::move(*outcomes.front().result);
}

/// The class that the first model finds most of.
std::string most_frequent_class(const Arguments& arguments, const std::vector<predictor::Frame>& frames) {
  Arguments alone = arguments;
  alone.options.models.resize(1);
  alone.options.reid.reset();
  const auto runner = open(alone);
  std::map<std::string, int> found;
  for (const Object& object : run_once(*runner, frames).objects)
    ++found[runner->models()[0].class_names.at(object.class_id)];
  const auto most = std::ranges::max_element(found, {}, [](const auto& entry) { return entry.second; });
  return most == found.end() ? "person" : most->first;
}

Json measure_calls(predictor::BatchRunner& runner, const std::vector<predictor::Frame>& frames) {
  for (int i = 0; i < warm_up; ++i) run_once(runner, frames);
  std::vector<double> total, decode, preprocess, inference, postprocess, beside_decode;
  std::size_t objects = 0;
  Json embedded = Json::array();
  const auto share = static_cast<double>(frames.size());
  for (int i = 0; i < calls; ++i) {
    const auto begin = Clock::now();
    const ImageResult result = run_once(runner, frames);
    total.push_back(milliseconds_since(begin));
    decode.push_back(result.time_ms.decode * share);
    beside_decode.push_back(total.back() - decode.back());
    preprocess.push_back(result.time_ms.preprocess * share);
    inference.push_back(result.time_ms.inference * share);
    postprocess.push_back(result.time_ms.postprocess * share);
    objects = result.objects.size();
    embedded = Json::array();
    for (const Object& object : result.objects)
      if (!object.embedding.empty()) embedded.push_back(object.box);
  }
  const double forward = median(inference), rest = median(beside_decode);
  return {{"total_ms", median(total)},
          {"decode_ms", median(decode)},
          {"preprocess_ms", median(preprocess)},
          {"inference_ms", forward},
          {"postprocess_ms", median(postprocess)},
          {"all_but_decode_ms", rest},
          {"all_but_decode_over_inference", rest / forward},
          {"objects", objects},
          {"embedded", embedded.size()},
          {"embedded_boxes", embedded},
          {"calls", calls}};
}

/// The batch decoded by one backend, until its pixels are there; a backend that is not there is told in
/// words.
Json measure_decoder(decode::JpegBackend backend, const std::vector<std::byte>& file, int batch) try {
  decode::JpegDecoder decoder(backend);
  const decode::JpegHeader header = decoder.inspect(file);
  if (!header.refusal.empty()) return {{"refused", header.refusal}};
  const std::size_t pitch = 3 * static_cast<std::size_t>(header.width);
  const std::size_t bytes = pitch * static_cast<std::size_t>(header.height);
  const cuda::DeviceArray<std::uint8_t> pixels(bytes * static_cast<std::size_t>(batch), "pictures");
  std::vector<decode::JpegJob> jobs;
  for (int i = 0; i < batch; ++i)
    jobs.push_back({file, pixels.data() + bytes * static_cast<std::size_t>(i), pitch, header.orientation});
  const auto failed = std::make_unique<bool[]>(jobs.size());
  const cuda::Stream stream = cuda::Stream::create();
  std::vector<double> times;
  for (int i = 0; i < warm_up + calls; ++i) {
    const auto begin = Clock::now();
    decoder.decode(jobs, {failed.get(), jobs.size()}, stream.get());
    cuda::check(cuda::runtime().stream_synchronize(stream.get()), "cudaStreamSynchronize");
    if (i >= warm_up) times.push_back(milliseconds_since(begin));
  }
  const auto failures = std::ranges::count(std::span(failed.get(), jobs.size()), true);
  return {{"ms", median(times)}, {"failures", failures}};
} catch (const Error& error) {
  return {{"refused", error.what()}};
}

/// The image's file, 100 times, through Pipeline::run(): the next is decoded while one runs.
Json measure_stream(const Arguments& arguments, const Json& single) {
  const fs::path folder = fs::temp_directory_path() / "peregrine-pipeline-bench";
  fs::create_directories(folder);
  std::vector<std::string> files;
  for (int i = 0; i < stream_files; ++i) {
    files.push_back(folder / fmt::format("{:03}.jpg", i));
    fs::copy_file(arguments.image, files.back(), fs::copy_options::overwrite_existing);
  }
  Pipeline pipeline(arguments.settings, arguments.options);
  std::vector<double> passes;
  for (int pass = 0; pass <= stream_passes; ++pass) {
    const auto begin = Clock::now();
    pipeline.run(files, [](const FrameResult& frame_result) {
      if (frame_result.error) throw Error(*frame_result.error);
      return true;
    });
    if (pass > 0) passes.push_back(milliseconds_since(begin) / stream_files);
  }
  fs::remove_all(folder);
  const double slower = std::max(single["decode_ms"].get<double>(), single["inference_ms"].get<double>());
  return {{"files", stream_files},
          {"ms_a_picture", median(passes)},
          {"slower_of_decode_and_inference_ms", slower},
          {"over_slower", median(passes) / slower}};
}

std::size_t used_memory() {
  std::size_t free = 0, total = 0;
  cuda::check(cuda::runtime().memory_info(&free, &total), "cudaMemGetInfo");
  return total - free;
}

int run(const Arguments& given) {
  Arguments arguments = given;
  cuda::check(cuda::runtime().set_device(0), "cudaSetDevice");
  cuda::check(cuda::runtime().free(nullptr), "cudaFree");  // creates the context
  const std::size_t before = used_memory();
  const std::vector<std::byte> file = bytes_of(arguments.image);
  const std::vector<predictor::Frame> frames(static_cast<std::size_t>(arguments.settings.batch),
                                             {"picture", file, {}});
  if (arguments.options.reid)
    arguments.options.reid_classes = {"name:" + most_frequent_class(arguments, frames)};
  const auto begin = Clock::now();
  const auto runner = open(arguments);
  Json result{
      {"version", version},
      {"gpu", cuda::device_facts(0).identity()},
      {"driver_cuda", cuda::driver_version()},
      {"libraries", engine_cache::choose_engine(arguments.settings, "cuda").builder->library_versions()},
      {"batch", arguments.settings.batch},
      {"max_det", arguments.settings.max_det},
      {"confidence", arguments.settings.model_confidence_threshold},
      {"iou", arguments.settings.iou},
      {"jpeg_bytes", file.size()},
      {"ready_ms", milliseconds_since(begin)}};
  for (const ModelInfo& model : runner->models()) result["models"].push_back(model.name);
  if (arguments.memory) {
    for (int i = 0; i < warm_up; ++i) run_once(*runner, frames);
    result["device_memory_mb"] = static_cast<double>(used_memory() - before) / 1e6;
  } else {
    result["calls"] = measure_calls(*runner, frames);
    for (const auto backend : {decode::JpegBackend::hardware, decode::JpegBackend::gpu_hybrid})
      result["decoders"][decode::to_string(backend)] =
          measure_decoder(backend, file, arguments.settings.batch);
    if (arguments.settings.batch == 1 && arguments.options.models.size() == 1 && !arguments.options.reid)
      result["stream"] = measure_stream(arguments, result["calls"]);
  }
  fmt::print("{}\n", result.dump());
  if (!arguments.json.empty()) std::ofstream(arguments.json) << result.dump(1) << '\n';
  return 0;
}

}  // namespace

int main(int count, char** values) {
  try {
    return run(parse(count, values));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
