// Engines made up for the store's tests: the store looks at none of a plan's bytes.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "engine_cache/store/store.h"
#include "peregrine/error.h"
#include "support/test_data.h"

namespace peregrine::store {

inline constexpr const char* driver_of_tests = "580.1";

inline EngineIdentity make_identity(const std::string& model = "a", Precision precision = Precision::fp32) {
  return {.model_sha256 = std::string(64, model[0]),
          .graph_digest = std::string(64, 'f'),
          .engine = "openvino",
          .engine_version = "0.1.0",
          .library_versions = "openvino 2026.4.1",
          .device_name = "A CPU (FP32)",
          .driver = driver_of_tests,
          .precision = precision,
          .input = {},
          .options = {}};
}

inline BuildEnvironment environment() {
  return {.library_versions = "openvino 2026.4.1", .device_name = "A CPU (FP32)", .driver = driver_of_tests};
}

inline ValidationRecord record(double box_difference = 0.5, double matched = 1.0) {
  return {.ran = true,
          .reference = "reference executor fp32",
          .driver = driver_of_tests,
          .date = "2026-11-23T00:00:00Z",
          .images = 4,
          .objects = 30,
          .checks = {{.name = "objects matched", .value = matched, .limit = 0.99, .at_least = true},
                     {.name = "box, pixels", .value = box_difference, .limit = 1.5, .at_least = false}},
          .note = ""};
}

/// A plan of 150 kB, so that it is written in several pieces; `content` tells one from another.
inline StagedEngine make_draft(const std::string& content = "plan", Task task = Task::detect,
                               std::optional<ValidationRecord> validation = record()) {
  StagedEngine draft;
  draft.plan.bytes.resize(150'000, std::byte{7});
  for (std::size_t i = 0; i < content.size(); ++i) draft.plan.bytes[i] = static_cast<std::byte>(content[i]);
  draft.model.task = task;
  draft.model.name = content + ".pt";
  draft.model.class_names = {"person", "bicycle"};
  draft.validation = std::move(validation);
  return draft;
}

/// Puts an engine into the store and returns its id.
inline std::string add_engine(Store& store, const std::string& model, Task task = Task::detect,
                              std::optional<ValidationRecord> validation = record()) {
  return store.get_or_build(make_identity(model), [&] { return make_draft(model, task, validation); }).id;
}

/// "code: sentence | hint" of what `action` throws.
template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code() + ": " + error.sentence() + " | " + error.hint();
  }
  return "no error";
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// The only plan in an engine's folder.
inline std::filesystem::path plan_file(const Store& store, const std::string& id) {
  for (const auto& entry : std::filesystem::directory_iterator(store.root() / "engines" / id))
    if (entry.path().extension() == ".bin") return entry.path();
  return {};
}

/// An empty store in a folder of its own.
class StoreTest : public ::testing::Test {
 protected:
  test::TemporaryFolder folder_;
  std::filesystem::path root_ = folder_.path() / "store";
  Store store_{root_};
};

}  // namespace peregrine::store
