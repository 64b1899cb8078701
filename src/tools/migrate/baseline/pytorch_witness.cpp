#include "tools/migrate/baseline/pytorch_witness.h"

#include <fmt/format.h>

#include "core/task/task_traits.h"
#include "core/text.h"
#include "engine_cache/validation/object_parity.h"
#include "tools/migrate/baseline/images.h"
#include "tools/migrate/baseline/pytorch.h"

namespace peregrine::migrate {

namespace {

/// A misread checkpoint shows on any image; more of them only take the CPU's time.
constexpr std::size_t most_images = 8;

SpeedRequest request_of(const Migration& migration, const ModelSlot& slot) {
  SpeedRequest request{.model = slot.path, .model_info = slot.info(), .settings = migration.settings};
  request.python = migration.options.python;
  request.limit = migration.options.limit;
  request.stop = migration.stop();
  return request;
}

/// Why nobody runs such a model, or nothing.
std::string unfit_for_witness(const ModelSlot& slot) {
  if (engine_cache::is_onnx_file(*slot.model)) return "the model is an ONNX file, no PyTorch checkpoint";
  if (traits_of(slot.task_slot).embeds)
    return "an OSNet checkpoint holds weights alone, and no program of yours that runs it is known";
  return {};
}

}  // namespace

engine_cache::WitnessAnswer ask_pytorch(const Migration& migration, const ModelSlot& slot,
                                        const InputShape& shape) {
  engine_cache::WitnessAnswer answer{.name = {}, .why = unfit_for_witness(slot)};
  if (!answer.why.empty()) return answer;
  const SpeedRequest request = request_of(migration, slot);
  const doctor::FoundPython python =
      doctor::find_python(request.python, answer_limit(request.limit), request.stop);
  answer.why = python.why;
  if (!python.usable()) return answer;
  const ImageSet images(migration.options.images);
  std::vector<std::filesystem::path> files = images.files();
  if (files.size() > most_images) files.resize(most_images);
  PyTorchRun run =
      find_objects(request, python, shape, engine_cache::least_confidence(migration.settings.limits), files);
  answer.why = run.why;
  answer.name = fmt::format("PyTorch {}, Ultralytics {}", run.version, run.ultralytics);
  for (PyTorchImage& image : run.images) answer.images.push_back(std::move(image.objects));
  return answer;
}

std::string pytorch_of(const Migration& migration, const ModelSlot& slot) {
  if (!unfit_for_witness(slot).empty()) return {};
  const SpeedRequest request = request_of(migration, slot);
  const doctor::FoundPython python =
      doctor::find_python(request.python, answer_limit(request.limit), request.stop);
  if (!python.usable()) return {};
  return fmt::format("{}, torch {}, ultralytics {}", printable(python.program), python.torch,
                     python.ultralytics);
}

}  // namespace peregrine::migrate
