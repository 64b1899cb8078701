#include "engine/tensorrt/probe/probe.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "core/log.h"
#include "core/memory_error.h"
#include "core/os/child.h"
#include "core/os/output_file.h"
#include "core/sha256.h"
#include "core/text.h"
#include "peregrine/error.h"
#include "peregrine/version.h"
#if PEREGRINE_CUDA
#include "cuda/device.h"
#endif

namespace peregrine::tensorrt {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* program_name = "peregrine-tensorrt-probe";
constexpr std::chrono::minutes longest_probe{15};  // TensorRT 8 takes minutes for its first kernel

/// Beside the program, in our own folder, or where the shared library keeps what it carries.
fs::path find_program() {
  std::error_code ignored;
  std::vector<fs::path> folders{fs::read_symlink("/proc/self/exe", ignored).parent_path(),
                                own_library_folder()};
  if (Dl_info info{}; dladdr(reinterpret_cast<void*>(&probe_here), &info) && info.dli_fname)
    folders.push_back(fs::path(info.dli_fname).parent_path() / "peregrine");
  // A relative one (a program that was found by its name) would be below the working directory.
  std::erase_if(folders, [](const fs::path& folder) { return folder.is_relative(); });
  for (const fs::path& folder : folders)
    if (fs::exists(folder / program_name, ignored)) return folder / program_name;
  throw Error("environment.tensorrt",
              fmt::format("The program {}, which tries a TensorRT library, is missing.", program_name),
              "Install peregrine again.");
}

ProbeResult from_line(const std::string& line) {
  const json fields = json::parse(line);
  ProbeResult result{
      .failure = fields.at("failure"), .gpu = fields.at("gpu"), .refusal = fields.at("refusal")};
  result.may_pass_later = speaks_of_memory(result.failure);
  return result;
}

using ProbeProgress = std::function<bool(double, std::string_view)>;

/// Whether to stop, as run_child() asks; tells the seconds.
std::function<bool()> teller_of(const ProbeProgress& progress, const std::string& library) {
  if (!progress) return {};
  return [&progress, library, start = std::chrono::steady_clock::now()] {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    return !progress(0, fmt::format("probing {:.0f} s: {}", elapsed.count(), library));
  };
}

ProbeResult probe_in_child(const LibraryFiles& files, int device, const ProbeProgress& progress) {
  const fs::path program = find_program();
  const std::string library = printable(files.library.filename().native());
  log::info(
      fmt::format("Probing TensorRT in a process of its own: {}. This happens once for each library and "
                  "GPU, and may take a minute.",
                  printable(files.library.native())));
  const ChildResult ended = run_child({program.string(), files.library.string(), files.parser.string(),
                                       files.plugins.string(), std::to_string(device)},
                                      longest_probe, {}, teller_of(progress, library));
  if (ended.stopped)
    throw Error("interrupted.probe", fmt::format("Interrupted while {} was probed.", library));
  if (!ended.started)
    throw Error("environment.process", fmt::format("{} could not be started.", printable(program.native())),
                "Install peregrine again.");
  const auto failed = [](std::string why, bool may_pass_later = false) {
    return ProbeResult{
        .failure = std::move(why), .gpu = false, .may_pass_later = may_pass_later, .refusal = {}};
  };
  if (ended.timed_out) return failed("It did not build a network of one layer within 15 minutes.", true);
  constexpr int killed = 128;
  if (ended.status == killed + SIGKILL) return failed("It was killed, as where memory runs out.", true);
  if (ended.status > killed)
    return failed(fmt::format(
        "It crashed ({}) building a network of one layer: its layout is not the one of its version.",
        strsignal(ended.status - killed)));
  try {
    return from_line(ended.out);
  } catch (const json::exception&) {
    return failed(fmt::format("The process that tried it ended without a word (status {}).", ended.status));
  }
}

/// What identifies a file without reading it.
std::string stamp_of(const fs::path& file) {
  struct stat facts {};
  if (stat(file.c_str(), &facts) != 0) return {};
  return fmt::format("{} {} {} {}.{}", file.string(), facts.st_ino, facts.st_size, facts.st_mtim.tv_sec,
                     facts.st_mtim.tv_nsec);
}

std::string digest_of(const fs::path& file) {
  Sha256 digest;
  std::ifstream stream(file, std::ios::binary);
  std::vector<char> piece(std::size_t{1} << 20);
  while (stream.read(piece.data(), static_cast<std::streamsize>(piece.size())) || stream.gcount() > 0)
    digest.update(std::string_view(piece.data(), static_cast<std::size_t>(stream.gcount())));
  return digest.hex();
}

std::string device_identity([[maybe_unused]] int device) {
#if PEREGRINE_CUDA
  if (device < cuda::device_count())
    return cuda::device_facts(device).identity() + ", driver " + cuda::driver_version();
#endif
  return "no GPU";
}

/// {"digests": {stamp: digest}, "results": {key: {...}}}, of this process and, where a folder was given, on
/// disk.
class ProbeMemory {
 public:
  explicit ProbeMemory(const fs::path& folder) {
    if (!folder.empty()) file_ = folder / "probes.json";
    static json of_this_process = json::object();
    known_ = &of_this_process;
    std::ifstream stream(file_);
    if (file_.empty() || !stream) return;
    const json kept = json::parse(stream, nullptr, false);
    if (!kept.is_object()) return;
    known_->merge_patch(kept);
    on_disk_ = kept.value("results", json::object());
  }

  std::string digest(const fs::path& file) {
    json& digest = (*known_)["digests"][stamp_of(file)];
    if (!digest.is_string()) digest = digest_of(file);
    return digest;
  }

  const json* find(const std::string& key) const {
    const auto results = known_->find("results");
    if (results == known_->end() || !results->is_object()) return nullptr;
    const auto found = results->find(key);
    return found == results->end() || !found->is_string() ? nullptr : &*found;
  }

  void keep(const std::string& key, const ProbeResult& result) {
    (*known_)["results"][key] = to_line(result);
    if (file_.empty() || on_disk_.contains(key)) return;
    try {
      fs::create_directories(file_.parent_path());
      write_file(file_, known_->dump(1));
    } catch (const std::exception& failure) {
      log::debug(fmt::format("What was found out about TensorRT is not remembered: {}", failure.what()));
    }
  }

 private:
  fs::path file_;
  json* known_;
  json on_disk_ = json::object();  ///< the results that the file has
};

}  // namespace

std::string to_line(const ProbeResult& result) {
  return json{{"failure", result.failure}, {"gpu", result.gpu}, {"refusal", result.refusal}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
}

ProbeResult probe(const LibraryFiles& files, int device, const fs::path& memory,
                  const ProbeProgress& progress) {
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  ProbeMemory known(memory);
  const std::string plugins = files.plugins.empty() ? "no plugins" : known.digest(files.plugins);
  const std::string key = fmt::format("{} {} {} {} {}", known.digest(files.library),
                                      known.digest(files.parser), plugins, device_identity(device), version);
  const json* kept = known.find(key);
  ProbeResult result = kept ? from_line(kept->get<std::string>()) : probe_in_child(files, device, progress);
  if (!result.may_pass_later) known.keep(key, result);
  return result;
}

}  // namespace peregrine::tensorrt
