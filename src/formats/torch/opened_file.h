// The common content of both layouts of torch.save.
#pragma once

#include <memory>

#include "formats/pickle/value.h"
#include "formats/torch/storage.h"

namespace peregrine::torch {

struct OpenedFile {
  std::unique_ptr<pickle::Document> document;
  std::unique_ptr<StorageSource> storages;
};

}  // namespace peregrine::torch
