// The table of lowering functions by class of module.
#pragma once

#include <span>
#include <string_view>

#include "formats/ultralytics/lowering.h"
#include "formats/ultralytics/stock_state.h"

namespace peregrine::ultralytics {

/// Lowers one module. Most take one input and throw Error "model.unsupported" for another count; Concat takes
/// several.
using LowerModule = ValueId (*)(Lowering& lowering, const Module& module, std::span<const ValueId> inputs);

struct ModuleEntry {
  StockClass stock;
  LowerModule lower;
};

/// Null when no entry has the class, by its full name.
const ModuleEntry* find_module(const Module& module);

/// Parts of the table, a file each.
std::span<const ModuleEntry> layer_modules();      ///< layers.cpp: torch.nn and Ultralytics' Conv and Concat
std::span<const ModuleEntry> block_modules();      ///< blocks.cpp: bottlenecks and pyramids
std::span<const ModuleEntry> attention_modules();  ///< attention.cpp
std::span<const ModuleEntry> area_attention_modules();  ///< area_attention.cpp

/// The input of a module that takes one.
ValueId only(const Module& module, std::span<const ValueId> inputs);

}  // namespace peregrine::ultralytics
