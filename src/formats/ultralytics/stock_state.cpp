#include "formats/ultralytics/stock_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "formats/ultralytics/lowering.h"

namespace peregrine::ultralytics {

namespace {

constexpr std::string_view older_place = "ultralytics.nn.modules", torch_package = "torch.";

bool lists(std::string_view names, std::string_view name) {
  for (std::size_t start = 0; start < names.size();) {
    const std::size_t end = std::min(names.find(' ', start), names.size());
    if (names.substr(start, end - start) == name) return true;
    start = end + 1;
  }
  return false;
}

/// Set by Ultralytics on every module of its list, or by torch on all: where it stands in the network, and
/// its mode.
bool is_bookkeeping(std::string_view name) { return lists("i f type np training", name); }

Error foreign_part(const Module& module, std::string_view kind, std::string_view name) {
  return unsupported_module(
      module,
      fmt::format("has the {} '{}', which the module of that name does not have", kind, printable(name)));
}

/// getattr(MODULE, "NAME"), as a bound method is pickled; empty for anything else.
std::string_view bound_method(const pickle::Value& value) {
  const auto* call = pickle::as<pickle::Object>(value);
  const auto* callee = call ? pickle::as<pickle::Global>(call->callee) : nullptr;
  const auto arguments = call ? pickle::items(call->arguments) : std::nullopt;
  if (!callee || callee->name != "getattr" || !arguments || arguments->size() != 2) return {};
  const std::string* name = pickle::text((*arguments)[1]);
  return name ? std::string_view(*name) : std::string_view();
}

void require_attributes(const Module& module, const StockClass& stock) {
  require_stock_forward(module);
  for (const auto& [name, value] : module.attributes())
    if (name != "forward" && !name.starts_with('_') && !is_bookkeeping(name) &&
        !lists(stock.state.attributes, name))
      throw foreign_part(module, "attribute", name);
}

void require_tensors(const Module& module, const StockClass& stock) {
  for (const std::string& name : module.tensor_names())
    if (!lists(stock.state.tensors, name) &&
        !lists("total_ops total_params", name))  // counters that profilers leave
      throw foreign_part(module, "tensor", name);
}

void require_children(const Module& module, const StockClass& stock) {
  if (stock.state.children == any_children) return;
  for (const std::string& name : module.child_names())
    if (!lists(stock.state.children, name)) throw foreign_part(module, "part", name);
}

}  // namespace

void require_stock_forward(const Module& module) {
  for (const char* hooks : {"_forward_hooks", "_forward_pre_hooks"})
    if (const pickle::Value* value = module.attribute(hooks); value && !pickle::entries(*value).empty())
      throw unsupported_module(module, "has hooks that change what it computes");
  const pickle::Value* forward = module.attribute("forward");
  // A fused convolution computes without its normalisation; a split is a chunk.
  if (forward && bound_method(*forward) != "forward_fuse" && bound_method(*forward) != "forward_split")
    throw unsupported_module(module, "has a forward pass of its own");
}

bool StockClass::matches(const Module& module) const {
  const std::string full = module.full_class_name();
  if (full == fmt::format("{}.{}", place, name)) return true;
  return !place.starts_with(torch_package) && full == fmt::format("{}.{}", older_place, name);
}

void require_stock(const Module& module, const StockClass& stock) {
  if (!stock.matches(module)) throw unsupported_class(module);
  require_attributes(module, stock);
  require_tensors(module, stock);
  require_children(module, stock);
}

Module stock_child(const Module& parent, std::string_view name, const StockClass& stock) {
  Module child = parent.child(name);
  require_stock(child, stock);
  return child;
}

}  // namespace peregrine::ultralytics
