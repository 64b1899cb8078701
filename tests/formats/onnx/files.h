// The ONNX files of this folder (made by tools/fixtures/make_onnx.py), as bytes and as models.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "formats/onnx/read/reader.h"
#include "peregrine/error.h"
#include "support/test_data.h"

namespace peregrine::onnx {

inline std::vector<std::byte> read_bytes(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  return {bytes, bytes + text.size()};
}

inline std::vector<std::byte> fixture_bytes(const std::string& name) {
  return read_bytes(test::repository_file("tests/formats/onnx/data") / name);
}

inline Model read_bytes_as_model(std::span<const std::byte> bytes, const std::string& name = "test.onnx",
                                 const std::optional<TaskHint>& told = {}) {
  ModelInfo info;
  info.name = name;
  return read_model(bytes, std::move(info), told);
}

inline Model fixture(const std::string& name, const std::optional<TaskHint>& told = {}) {
  return read_bytes_as_model(fixture_bytes(name), name, told);
}

/// Of those fixtures that are rows of numbers, and do not say what for.
inline Model features_fixture(const std::string& name) { return fixture(name, TaskHint{.task = Task::reid}); }

/// The error that an action ends with; one with the code "none" when it ends well.
template <class Action>
Error error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return {"none", "no error"};
}

}  // namespace peregrine::onnx
