#include "stages/postprocess/tasks/tasks.h"

#include <array>

#include "core/task/task_traits.h"

namespace peregrine::postprocess {
namespace {

struct HookTable {
  std::array<TaskHooks, most_tasks> rows{};

  constexpr HookTable() {
    at(Task::pose) = {.attach = attach_keypoints};
    at(Task::segment) = {.attach = attach_masks};
  }
  constexpr TaskHooks& at(Task task) { return rows.at(static_cast<std::size_t>(task)); }
};

constinit HookTable table;

/// The extra channels of each object's anchor.
void attach_numbers(const KeptCandidates& kept, std::vector<Object>& objects) {
  std::vector<float> numbers(static_cast<std::size_t>(numbers_of(kept.model)));
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const AnchorPlace at = kept.head.place(kept.candidates[i].anchor);
    for (std::size_t c = 0; c < numbers.size(); ++c)
      numbers[c] = at.level->extra.at(static_cast<int>(c), at.row, at.column);
    hooks_of(kept.model.task).take_numbers(kept.model, numbers, kept.geometry, objects[i]);
  }
}

}  // namespace

const TaskHooks& hooks_of(Task task) noexcept {
  return table.rows[static_cast<std::size_t>(task) % most_tasks];
}

void register_hooks(Task task, const TaskHooks& hooks) { table.at(task) = hooks; }

void attach_extras(const KeptCandidates& kept, std::vector<Object>& objects) {
  const TaskHooks& hooks = hooks_of(kept.model.task);
  if (hooks.attach) hooks.attach(kept, objects);
  if (hooks.take_numbers) attach_numbers(kept, objects);
}

int numbers_of(const ModelInfo& model) {
  return hooks_of(model.task).take_numbers ? extra_channels(model) : 0;
}

}  // namespace peregrine::postprocess
