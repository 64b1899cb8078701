// What each task adds to the objects that NMS kept: a row a task (docs/extending/add-task.md). A task without
// a row has boxes and classes alone.
#pragma once

#include <span>
#include <vector>

#include "stages/postprocess/head/head_view.h"

namespace peregrine::postprocess {

/// What NMS kept of an image; `candidates[i]` belongs to the object i.
struct KeptCandidates {
  const ModelInfo& model;
  const HeadView& head;
  std::span<const Candidate> candidates;
  const Geometry& geometry;
  const Options& options;
};

struct TaskHooks {
  /// On the host: completes the objects, and may drop some. The device has kernels of its own for it.
  void (*attach)(const KeptCandidates& kept, std::vector<Object>& objects) = nullptr;
  /// Instead, for a task whose extra channels are an object's numbers: completes one object. They are final
  /// in a decoded head and as the network gives them in a raw one; host and device hand over the same.
  void (*take_numbers)(const ModelInfo& model, std::span<const float> numbers, const Geometry& geometry,
                       Object& object) = nullptr;
};

const TaskHooks& hooks_of(Task task) noexcept;
/// For programs and tests, before any model is opened: not thread-safe.
void register_hooks(Task task, const TaskHooks& hooks);

/// Completes the objects of an image by the hooks of its model's task.
void attach_extras(const KeptCandidates& kept, std::vector<Object>& objects);
/// How many numbers of an object take_numbers() is handed; 0 for a task without.
int numbers_of(const ModelInfo& model);

// The hooks of the tasks that are there from the start.

/// Fills Object::keypoints.
void attach_keypoints(const KeptCandidates& kept, std::vector<Object>& objects);
/// Fills Object::mask and, unless options.validation_masks, drops the objects whose mask is empty.
void attach_masks(const KeptCandidates& kept, std::vector<Object>& objects);

}  // namespace peregrine::postprocess
