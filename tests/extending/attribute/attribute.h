// A task that the library does not have: objects with one number each, from 0 to 1 (how sure the head is of
// its first class). docs/extending/add-task.md takes it as its example; nothing in src/ knows it.
#pragma once

#include "formats/model.h"

namespace peregrine::attribute {

/// The task, registered with all its hooks at the first call.
Task task();

/// A model of this task: a detector with one more branch, which repeats the logit of the first class.
Model model_of(const Model& detector);

}  // namespace peregrine::attribute
