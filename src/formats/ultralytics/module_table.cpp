#include "formats/ultralytics/module_table.h"

namespace peregrine::ultralytics {

const ModuleEntry* find_module(const Module& module) {
  for (const auto& part : {layer_modules(), block_modules(), attention_modules(), area_attention_modules()})
    for (const ModuleEntry& entry : part)
      if (entry.stock.matches(module)) return &entry;
  return nullptr;
}

ValueId only(const Module& module, std::span<const ValueId> inputs) {
  if (inputs.size() != 1) throw unsupported_module(module, "does not take exactly one input here");
  return inputs.front();
}

}  // namespace peregrine::ultralytics
