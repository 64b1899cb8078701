// Random sizes, batches and damaged images in two threads for as long as is asked; device memory must stay
// flat once warm, and only the planted images may fail.
//
// gpu_soak [--seconds N] [--batch N] [--store DIR] [--engine NAME] [--tensorrt DIR]
//          [--reid MODEL] MODEL.pt... PICTURE.jpg...
//
// Exit code 1: a leak, or an error that nobody planted. The models run in one pipeline; the engines (cuda
// unless told otherwise) come out of the store DIR, where they are built and tuned the first time (not
// verified).
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <random>
#include <thread>

#include "cuda/runtime.h"
#include "engine_cache/engine_context.h"
#include "peregrine/error.h"
#include "peregrine/settings.h"
#include "predictor/runners.h"
#include "stages/decode/decode.h"

namespace {

using namespace peregrine;
using Clock = std::chrono::steady_clock;

constexpr int threads = 2;
/// What a growing buffer may still take after the warm-up: the images' sizes are drawn at random.
constexpr std::int64_t allowed_growth = std::int64_t{64} << 20;

struct Inputs {
  PipelineOptions options;
  Settings settings;
  std::string engine = "cuda";
  std::vector<std::vector<std::byte>> files;
  std::vector<HostImage> pixels;
};

class Soak {
 public:
  Soak(Inputs inputs, int seconds) : inputs_(std::move(inputs)), seconds_(seconds) {}

  int run() {
    std::vector<std::unique_ptr<predictor::BatchRunner>> runners;
    for (int i = 0; i < threads; ++i) runners.push_back(open());
    std::vector<std::thread> workers;
    for (int i = 0; i < threads; ++i)
      workers.emplace_back([this, i, &runners] { work(i, *runners[static_cast<std::size_t>(i)]); });
    const auto begin = Clock::now();
    std::int64_t warm = 0;
    for (double spent = 0; spent < seconds_ && failures_ == 0;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      spent = std::chrono::duration<double>(Clock::now() - begin).count();
      if (warm == 0 && spent > seconds_ * 0.3) warm = used();
      if (warm != 0) most_ = std::max(most_, used());
    }
    stop_ = true;
    for (std::thread& worker : workers) worker.join();
    const bool leaks = warm == 0 || most_ - warm > allowed_growth;
    fmt::print(
        "{} batches, {} images, {} planted errors, {} other errors; device memory {} MB once warm, at most "
        "{} MB: {}\n",
        batches_.load(), images_.load(), planted_.load(), failures_.load(), warm >> 20, most_ >> 20,
        leaks ? (warm == 0 ? "never warm" : "GREW") : "flat");
    return failures_ == 0 && !leaks ? 0 : 1;
  }

 private:
  static std::int64_t used() {
    std::size_t free = 0, total = 0;
    cuda::check(cuda::runtime().memory_info(&free, &total), "cudaMemGetInfo");
    return static_cast<std::int64_t>(total - free);
  }

  void fail(const std::string& what) {
    const std::lock_guard lock(mutex_);
    if (failures_++ < 5) fmt::print("{}\n", what);
  }

  std::unique_ptr<predictor::BatchRunner> open() const {
    engine_cache::EngineContext context = engine_cache::choose_engine(inputs_.settings, inputs_.engine);
    context.store = inputs_.settings.store;
    context.unverified = true;
    return predictor::make_runner(std::move(context), inputs_.settings, inputs_.options);
  }

  void work(int number, predictor::BatchRunner& runner) try {
    std::mt19937 random(static_cast<unsigned>(number) + 1);
    while (!stop_) one_batch(runner, random);
  } catch (const std::exception& error) {
    fail(error.what());
  }

  /// A file, a file cut short, or a window of random size out of decoded pixels.
  void one_batch(predictor::BatchRunner& runner, std::mt19937& random) {
    const auto below = [&](std::size_t end) { return static_cast<std::size_t>(random() % end); };
    std::vector<predictor::Frame> frames(1 + below(static_cast<std::size_t>(inputs_.settings.batch)));
    std::vector<bool> damaged(frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const std::size_t which = below(inputs_.files.size()), kind = below(4);
      const std::vector<std::byte>& file = inputs_.files[which];
      damaged[i] = kind == 0;
      if (kind == 3) {
        ImageView view = inputs_.pixels[which].view();
        view.width = 1 + static_cast<int>(below(static_cast<std::size_t>(view.width)));
        view.height = 1 + static_cast<int>(below(static_cast<std::size_t>(view.height)));
        frames[i] = {"window", {}, view};
      } else {
        const std::size_t length = kind == 0 ? file.size() / 8 + below(file.size() / 2) : file.size();
        frames[i] = {kind == 0 ? "cut" : "whole", std::span(file).first(length), {}};
      }
    }
    const std::vector<predictor::RunnerResult> outcomes = runner.run(frames);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      if (damaged[i] == outcomes[i].error.has_value())
        planted_ += damaged[i];
      else
        fail(outcomes[i].error ? outcomes[i].error->what() : "an image cut short had a result");
    }
    ++batches_;
    images_ += static_cast<long>(frames.size());
  }

  Inputs inputs_;
  int seconds_;
  std::mutex mutex_;
  std::atomic<long> failures_ = 0, batches_ = 0, images_ = 0, planted_ = 0;
  std::atomic<bool> stop_ = false;
  std::int64_t most_ = 0;
};

}  // namespace

int main(int count, char** values) {
  try {
    int seconds = 600;
    Inputs inputs;
    inputs.settings.batch = 4;
    inputs.settings.store = std::filesystem::temp_directory_path() / "peregrine-soak";
    for (int i = 1; i < count; ++i) {
      const std::string name = values[i];
      if (name.starts_with("--") && i + 1 < count) {
        const std::string value = values[++i];
        if (name == "--seconds")
          seconds = std::stoi(value);
        else if (name == "--store")
          inputs.settings.store = value;
        else if (name == "--batch")
          inputs.settings.batch = std::stoi(value);
        else if (name == "--engine")
          inputs.engine = value;
        else if (name == "--tensorrt")
          inputs.settings.tensorrt = value;
        else if (name == "--reid")
          inputs.options.reid = value;
        else
          throw Error("usage.soak", fmt::format("gpu_soak has no option {}.", name));
      } else if (inputs.files.empty() && name.ends_with(".pt")) {
        inputs.options.models.emplace_back(name);
      } else {
        std::ifstream stream(name, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(stream), {}};
        const auto* first = reinterpret_cast<const std::byte*>(text.data());
        inputs.files.emplace_back(first, first + text.size());
        inputs.pixels.push_back(decode::decode_image(inputs.files.back(), name));
      }
    }
    if (inputs.files.empty()) throw Error("usage.soak", "gpu_soak [--seconds N] MODEL.pt... PICTURE.jpg...");
    return Soak(std::move(inputs), seconds).run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
