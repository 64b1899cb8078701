// Any bytes as an ONNX file: a model or a model error. What was read can be written, and reads back as the
// same graph.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "formats/onnx/read/reader.h"
#include "formats/onnx/write/writer.h"
#include "peregrine/error.h"

namespace {

using namespace peregrine;

Model read(std::span<const std::byte> bytes, const std::optional<TaskHint>& told = {}) {
  ModelInfo info;
  info.name = "fuzz.onnx";
  return onnx::read_model(bytes, std::move(info), told);
}

/// A file that does not say what it is gets a word that its size decides.
Model read_with_a_word(std::span<const std::byte> bytes) {
  constexpr TaskHint words[] = {
      {Task::detect}, {Task::pose}, {Task::pose, 4, 2}, {Task::segment}, {Task::reid}};
  try {
    return read(bytes);
  } catch (const Error& error) {
    if (error.code() != "model.task") throw;
    return read(bytes, words[bytes.size() % std::size(words)]);
  }
}

graph::Graph build(const Model& model) {
  const ModelInfo& info = model.info();
  return model.graph({std::max(info.fixed_batch, 1), info.image_height, info.image_width});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Model model = read_with_a_word(std::as_bytes(std::span(data, size)));
    const graph::Graph graph = build(model);
    const std::string written = onnx::serialize(graph, {.precision = DType::f32});
    const graph::Graph back = build(read(std::as_bytes(std::span(written)), hint_of(model.info())));
    if (graph::digest(back) != graph::digest(graph)) std::abort();
  } catch (const Error& error) {
    if (!error.code().starts_with("model.")) std::abort();
  }
  return 0;
}
