// What both layouts of torch.save come down to.
#pragma once

#include <memory>

#include "model/pickle/value.h"
#include "model/torch/storage.h"

namespace peregrine::torch {

struct OpenedFile {
  std::unique_ptr<pickle::Document> document;
  std::unique_ptr<StorageSource> storages;
};

}  // namespace peregrine::torch
