#include "formats/torch/module.h"

#include <fmt/format.h>

#include "peregrine/error.h"

namespace peregrine::torch {

using pickle::Value;

Module::Module(const Value& object, std::string path) : object_(object), path_(std::move(path)) {
  if (pickle::class_name(object).empty() || !pickle::as<pickle::Dict>(state()))
    fail("is no module of PyTorch");
}

const Value& Module::state() const { return pickle::as<pickle::Object>(object_)->state; }

void Module::fail(const std::string& what) const {
  throw Error("model.module", fmt::format("'{}' {}", path_.empty() ? "model" : path_, what),
              "The file is damaged or not supported.");
}

std::string Module::class_name() const {
  const std::string full = full_class_name();
  return full.substr(full.rfind('.') + 1);
}

const Value* Module::attribute(std::string_view name) const { return pickle::find(state(), name); }

std::vector<std::pair<std::string, Value>> Module::attributes() const {
  std::vector<std::pair<std::string, Value>> all;
  for (const auto& [key, value] : pickle::entries(state()))
    if (const std::string* name = pickle::text(key)) all.emplace_back(*name, value);
  return all;
}

/// Keys of one of the module's dicts whose value is something.
std::vector<std::string> Module::names_in(const char* group) const {
  std::vector<std::string> names;
  if (const Value* all = attribute(group))
    for (const auto& [key, value] : pickle::entries(*all))
      if (const std::string* name = pickle::text(key); name && !pickle::is_none(value))
        names.push_back(*name);
  return names;
}

std::int64_t Module::integer(std::string_view name) const {
  const Value* value = attribute(name);
  const auto number = value ? pickle::integer(*value) : std::nullopt;
  if (!number) fail(fmt::format("({}) has no integer attribute '{}'", class_name(), name));
  return *number;
}

std::int64_t Module::integer(std::string_view name, std::int64_t otherwise) const {
  const Value* value = attribute(name);
  return value && !pickle::is_none(*value) ? integer(name) : otherwise;
}

double Module::number(std::string_view name) const {
  const Value* value = attribute(name);
  const auto number = value ? pickle::number(*value) : std::nullopt;
  if (!number) fail(fmt::format("({}) has no numeric attribute '{}'", class_name(), name));
  return *number;
}

bool Module::flag(std::string_view name, bool otherwise) const {
  return integer(name, otherwise ? 1 : 0) != 0;
}

graph::Pair Module::pair(std::string_view name) const {
  const Value* value = attribute(name);
  const auto both = value ? pickle::items(*value) : std::nullopt;
  const auto at = [&](std::size_t i) {
    const auto number = pickle::integer(both ? (*both)[i] : *value);
    constexpr std::int64_t most = 1 << 16;
    if (!number || *number < 0 || *number > most)
      fail(fmt::format("({}) has the unsupported attribute '{}'", class_name(), name));
    return *number;
  };
  if (!value || (both && both->size() != 2))
    fail(fmt::format("({}) has no attribute '{}' of two numbers", class_name(), name));
  return {at(0), at(1)};
}

const Value* Module::tensor(std::string_view name) const {
  for (const char* group : {"_parameters", "_buffers"}) {
    const Value* all = attribute(group);
    const Value* found = all ? pickle::find(*all, name) : nullptr;
    if (found && !pickle::is_none(*found)) return found;
  }
  return nullptr;
}

std::vector<std::string> Module::tensor_names() const {
  std::vector<std::string> names = names_in("_parameters");
  const std::vector<std::string> buffers = names_in("_buffers");
  names.insert(names.end(), buffers.begin(), buffers.end());
  return names;
}

std::vector<std::string> Module::child_names() const { return names_in("_modules"); }

std::optional<Module> Module::find_child(std::string_view name) const {
  const Value* all = attribute("_modules");
  const Value* found = all ? pickle::find(*all, name) : nullptr;
  if (!found || pickle::is_none(*found)) return std::nullopt;
  return Module(*found, path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name));
}

Module Module::child(std::string_view name) const {
  std::optional<Module> found = find_child(name);
  if (!found) fail(fmt::format("({}) has no part '{}'", class_name(), name));
  return *std::move(found);
}

std::vector<Module> Module::children() const {
  std::vector<Module> all;
  for (const std::string& name : child_names()) all.push_back(child(name));
  return all;
}

const Value* find_network(const Value& root) {
  for (const char* key : {"ema", "model"}) {
    const Value* value = pickle::find(root, key);
    if (value && !pickle::class_name(*value).empty()) return value;
  }
  return pickle::class_name(root).empty() ||
                 !pickle::find(pickle::as<pickle::Object>(root)->state, "_modules")
             ? nullptr
             : &root;
}

}  // namespace peregrine::torch
