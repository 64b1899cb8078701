#include "tools/doctor/environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "core/text.h"
#include "peregrine/error.h"
#include "peregrine/version.h"
#include "tools/doctor/libraries.h"

namespace peregrine::doctor {

namespace {

namespace fs = std::filesystem;
using Standing = EnvironmentRow::Standing;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

std::string gigabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

/// The nearest folder that exists: where the store will be made.
fs::path existing_parent(fs::path path) {
  path = fs::absolute(path);
  while (!fs::exists(path) && path.has_relative_path()) path = path.parent_path();
  return path;
}

EnvironmentRow disk_row(const fs::path& store, std::uint64_t needed) {
  EnvironmentRow row{"disk", {}, fmt::format("{} (estimate)", gigabytes(needed)), {}, Standing::good};
  std::error_code error;
  const fs::space_info space = fs::space(existing_parent(store), error);
  row.found = error ? error.message() : fmt::format("{} free", gigabytes(space.available));
  if (error || space.available < needed) {
    row.standing = Standing::bad;
    row.remedy = fmt::format("free some space, or choose another place than {} with --store",
                             printable(store.native()));
  }
  return row;
}

EnvironmentRow store_row(const fs::path& store) {
  EnvironmentRow row{"store", printable(store.native()), "may be written", {}, Standing::good};
  const fs::path parent = existing_parent(store);
  if (!fs::is_directory(parent) || ::access(parent.c_str(), W_OK | X_OK) != 0) {
    row.found += fs::is_directory(parent) ? ", read-only" : ", no folder";
    row.standing = Standing::bad;
    row.remedy = "give yourself the right to write there, or choose another place with --store";
  }
  return row;
}

/// MemAvailable of /proc/meminfo, bytes; 0 where it is not told.
std::uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  for (std::uint64_t kilobytes = 0; file >> name >> kilobytes; std::getline(file, unit))
    if (name == "MemAvailable:") return kilobytes * 1024;
  return 0;
}

EnvironmentRow memory_row(std::uint64_t needed) {
  const std::uint64_t available = available_memory();
  EnvironmentRow row{
      "memory", fmt::format("{} available", gigabytes(available)), gigabytes(needed), {}, Standing::good};
  if (available < needed) {
    row.standing = Standing::bad;
    row.remedy = "end other programs, or migrate on a larger machine";
  }
  return row;
}

EnvironmentRow python_row(const FoundPython& python) {
  EnvironmentRow row{
      "Python", {}, "torch and ultralytics, to compare with PyTorch (optional)", {}, Standing::good};
  row.found = python.version.empty()
                  ? python.why
                  : fmt::format("{} ({}), torch {}, ultralytics {}", python.version,
                                printable(python.program), python.torch.empty() ? "-" : python.torch,
                                python.ultralytics.empty() ? "-" : python.ultralytics);
  if (!python.usable()) {
    row.standing = Standing::absent;
    row.remedy = "name the Python of your pipeline with --python";
  }
  return row;
}

}  // namespace

EnvironmentNeeds needs_of(std::span<const std::uintmax_t> model_bytes) {
  const auto total = std::accumulate(model_bytes.begin(), model_bytes.end(), std::uintmax_t{0});
  const auto largest = model_bytes.empty() ? std::uintmax_t{0} : *std::ranges::max_element(model_bytes);
  EnvironmentNeeds needs;
  needs.disk_bytes =
      6 * total + 64 * mebibyte;  // ONNX, engine and reference of each, both deployments while they change
  needs.host_bytes = 512 * mebibyte + 16 * largest;
  needs.gpu_bytes = 2048 * mebibyte + 16 * largest;
  return needs;
}

Environment check_environment(const Settings& settings, const EnvironmentNeeds& needs) {
  Environment environment;
  auto& rows = environment.rows;
  rows.push_back({"peregrine", version, "", "", Standing::good});
  rows.push_back({"cores", fmt::format("{}", std::thread::hardware_concurrency()), "", "", Standing::good});
  for (EnvironmentRow& row : gpu_rows(settings, needs.gpu_bytes)) rows.push_back(std::move(row));
  for (EnvironmentRow& row : engine_rows(settings, needs.progress)) rows.push_back(std::move(row));
  environment.python = find_python(needs.python, needs.python_limit, needs.stop);
  rows.push_back(python_row(environment.python));
  rows.push_back(memory_row(needs.host_bytes));
  rows.push_back(disk_row(settings.store, needs.disk_bytes));
  rows.push_back(store_row(settings.store));
  return environment;
}

std::string complaint(std::span<const EnvironmentRow> rows) {
  std::string text;
  for (const EnvironmentRow& row : rows)
    if (row.standing == Standing::bad)
      text += fmt::format("{}{}: {}, needed: {}", text.empty() ? "" : "; ", row.name, row.found, row.needed);
  return text;
}

std::string to_text(std::span<const EnvironmentRow> rows) {
  const auto width = [&](auto member) {
    std::size_t most = 0;
    for (const EnvironmentRow& row : rows) most = std::max(most, (row.*member).size());
    return std::min<std::size_t>(most, 60);
  };
  const std::size_t names = width(&EnvironmentRow::name), found = width(&EnvironmentRow::found);
  std::string text;
  for (const EnvironmentRow& row : rows) {
    const char* mark = row.standing == Standing::good ? "ok" : row.standing == Standing::absent ? "-" : "BAD";
    text += fmt::format("{:<4}{:<{}}  ", mark, row.name, names);
    text += row.needed.empty() ? row.found : fmt::format("{:<{}}  needed: {}", row.found, found, row.needed);
    if (row.standing != Standing::good && !row.remedy.empty())
      text += fmt::format("\n    {:<{}}  to mend: {}", "", names, row.remedy);
    text += "\n";
  }
  return text;
}

nlohmann::ordered_json to_json(std::span<const EnvironmentRow> rows) {
  auto list = nlohmann::ordered_json::array();
  for (const EnvironmentRow& row : rows)
    list.push_back({{"name", row.name},
                    {"found", row.found},
                    {"needed", row.needed},
                    {"standing", row.standing == Standing::good     ? "good"
                                 : row.standing == Standing::absent ? "absent"
                                                                    : "bad"},
                    {"remedy", row.remedy}});
  return list;
}

}  // namespace peregrine::doctor
