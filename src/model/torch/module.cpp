#include "model/torch/module.h"

#include <fmt/format.h>

#include "peregrine/error.h"

namespace peregrine::torch {

using pickle::Value;

Module::Module(const Value& object, std::string path) : object_(object), path_(std::move(path)) {
  if (pickle::class_name(object).empty() || !pickle::as<pickle::Dict>(state())) fail("is no module of PyTorch");
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

bool Module::flag(std::string_view name, bool otherwise) const { return integer(name, otherwise ? 1 : 0) != 0; }

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
  if (!value || (both && both->size() != 2)) fail(fmt::format("({}) has no attribute '{}' of two numbers", class_name(), name));
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
  if (const Value* modules = attribute("_modules"))
    for (const auto& [key, value] : pickle::entries(*modules))
      if (const std::string* name = pickle::text(key); name && !pickle::is_none(value)) all.push_back(child(*name));
  return all;
}

}  // namespace peregrine::torch
