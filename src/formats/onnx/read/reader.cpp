#include "formats/onnx/read/reader.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "core/task/task_traits.h"
#include "formats/onnx/read/describe.h"
#include "formats/onnx/read/network.h"
#include "peregrine/error.h"

namespace peregrine::onnx {

bool is_onnx(std::span<const std::byte> file) {
  // The first field of the message, ir_version, as a small number: every writer begins with it.
  return file.size() > 2 && file[0] == std::byte{0x08} && file[1] >= std::byte{1} &&
         file[1] < std::byte{0x80};
}

Model read_model(std::span<const std::byte> file, ModelInfo info, const std::optional<TaskHint>& told) {
  const auto network = std::make_shared<const Network>(file);
  Description description = describe(*network, std::move(info), told);
  const int multiple = description.info.strides.empty() ? 1 : description.info.strides.back();
  const auto build = [network, multiple, name = description.info.name,
                      normalised = traits_of(description.info).embeds,
                      outputs = std::move(description.output_names)](const InputShape& shape) {
    try {
      if (shape.height % multiple != 0 || shape.width % multiple != 0)
        throw Error("model.shape",
                    fmt::format("the model cannot take {}x{} pixels", shape.width, shape.height),
                    fmt::format("Width and height must be multiples of {}.", multiple));
      return network->graph(shape, outputs, normalised);
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("{}: {}.", name, error.sentence()), error.hint());
    }
  };
  return {std::move(description.info), build};
}

}  // namespace peregrine::onnx
