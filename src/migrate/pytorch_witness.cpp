#include "migrate/pytorch_witness.h"

#include <fmt/format.h>

#include "base/text.h"
#include "migrate/pictures.h"
#include "migrate/pytorch.h"
#include "provision/object_parity.h"

namespace peregrine::migrate {

namespace {

/// A misread checkpoint shows on any picture; more of them only take the CPU's time.
constexpr std::size_t most_pictures = 8;

SpeedRequest request_of(const Migration& migration, const Slot& slot) {
  SpeedRequest request{.model = slot.path, .model_info = slot.info(), .settings = migration.settings};
  request.python = migration.options.python;
  request.limit = migration.options.limit;
  request.stop = migration.stop();
  return request;
}

/// Why nobody runs such a model, or nothing.
std::string unfit_for_witness(const Slot& slot) {
  if (provision::is_onnx_file(*slot.model)) return "the model is an ONNX file, no PyTorch checkpoint";
  if (slot.role == Task::reid)
    return "an OSNet checkpoint holds weights alone, and no program of yours that runs it is known";
  return {};
}

}  // namespace

provision::WitnessAnswer ask_pytorch(const Migration& migration, const Slot& slot, const InputShape& shape) {
  provision::WitnessAnswer answer{.name = {}, .why = unfit_for_witness(slot)};
  if (!answer.why.empty()) return answer;
  const SpeedRequest request = request_of(migration, slot);
  const FoundPython python = find_python(request.python, answer_limit(request.limit), request.stop);
  answer.why = python.why;
  if (!python.usable()) return answer;
  const Pictures pictures(migration.options.pictures);
  std::vector<std::filesystem::path> files = pictures.files();
  if (files.size() > most_pictures) files.resize(most_pictures);
  PyTorchRun run =
      find_objects(request, python, shape, provision::least_confidence(migration.settings.limits), files);
  answer.why = run.why;
  answer.name = fmt::format("PyTorch {}, Ultralytics {}", run.version, run.ultralytics);
  for (PyTorchPicture& picture : run.pictures) answer.pictures.push_back(std::move(picture.objects));
  return answer;
}

std::string pytorch_of(const Migration& migration, const Slot& slot) {
  if (!unfit_for_witness(slot).empty()) return {};
  const SpeedRequest request = request_of(migration, slot);
  const FoundPython python = find_python(request.python, answer_limit(request.limit), request.stop);
  if (!python.usable()) return {};
  return fmt::format("{}, torch {}, ultralytics {}", printable(python.program), python.torch,
                     python.ultralytics);
}

}  // namespace peregrine::migrate
