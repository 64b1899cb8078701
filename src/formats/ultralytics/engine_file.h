// Ultralytics' layout of a TensorRT engine: the length of a JSON text (4 bytes, little-endian), the text,
// TensorRT's plan.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "formats/model.h"

namespace peregrine::ultralytics {

/// ModelInfo::architecture of such a file: it can be run by TensorRT, and has no graph from which another
/// engine could be made.
inline constexpr const char* engine_architecture = "TensorRT engine";

/// Told by the content: a length, and as much text in braces.
bool is_engine_file(std::span<const std::byte> file);

/// What the text says of the model, whose head is decoded; `info` brings name and sha256. A plan that the
/// text has a digest of
/// ("plan_sha256", which ours have) is validated against it. Throws Error "model.damaged" and
/// "model.unsupported".
Model read_engine_file(std::span<const std::byte> file, ModelInfo info);
/// The plan; `file` is one (is_engine_file).
std::span<const std::byte> plan_of_engine_file(std::span<const std::byte> file);

struct EngineFile {
  ModelInfo model;       ///< with the size that the engine was built for
  int batch = 1;         ///< the largest
  bool dynamic = false;  ///< the batch is open
  bool half = true;
};
/// The whole file around a plan.
std::string write_engine_file(const EngineFile& description, std::span<const std::byte> plan);

}  // namespace peregrine::ultralytics
