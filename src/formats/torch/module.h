// A torch.nn.Module as the pickle describes it: class, attributes, parameters and children. A light view; the
// pickle's document must outlive it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/pickle/value.h"
#include "graph/operation.h"

namespace peregrine::torch {

class Module {
 public:
  /// Throws Error "model.module" naming the path when `object` is no module.
  Module(const pickle::Value& object, std::string path);

  /// "model.10.m.0"
  const std::string& path() const noexcept { return path_; }
  /// "C3k2", for messages: other packages have classes of the same name.
  std::string class_name() const;
  /// "ultralytics.nn.modules.block.C3k2"
  std::string full_class_name() const { return pickle::class_name(object_); }

  /// Null where there is none.
  const pickle::Value* attribute(std::string_view name) const;
  /// All that are set on the module itself: torch's own begin with an underscore.
  std::vector<std::pair<std::string, pickle::Value>> attributes() const;
  // Typed attributes. Without a default, a missing one (None counts as missing) or one of another type throws
  // Error "model.module".
  std::int64_t integer(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  double number(std::string_view name) const;
  bool flag(std::string_view name, bool otherwise) const;
  /// A number for both or a pair (height, width), positive or zero and of sane size.
  graph::Pair pair(std::string_view name) const;

  /// Parameter or buffer; null where it is missing or None.
  const pickle::Value* tensor(std::string_view name) const;
  /// Of all parameters and buffers that are not None.
  std::vector<std::string> tensor_names() const;
  /// Nothing where it is missing or None.
  std::optional<Module> find_child(std::string_view name) const;
  /// Throws Error "model.module" where it is missing.
  Module child(std::string_view name) const;
  /// In the order of the module; entries that are None are left out.
  std::vector<Module> children() const;
  std::vector<std::string> child_names() const;

 private:
  const pickle::Value& state() const;
  std::vector<std::string> names_in(const char* group) const;
  [[noreturn]] void fail(const std::string& what) const;

  pickle::Value object_;
  std::string path_;
};

/// The network of a checkpoint, as an object: the averaged weights (`ema`) where training left them, else
/// `model`, else the object that was saved itself. Null where there is none, as in a state dict.
const pickle::Value* find_network(const pickle::Value& root);

}  // namespace peregrine::torch
