// Named tensors, as state_dict() gives them: bare or under `state_dict`, names maybe prefixed "module.".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/pickle/value.h"

namespace peregrine::osnet {

class StateDict {
 public:
  /// Nothing where `root` holds no dict of tensors.
  static std::optional<StateDict> find(const pickle::Value& root);

  bool contains(std::string_view name) const { return tensors_.find(name) != tensors_.end(); }
  std::vector<std::string> names() const;
  /// Null where there is none. Valid as long as the document.
  const pickle::Value* find_tensor(std::string_view name) const;
  /// Throws Error "model.state" naming the missing tensor.
  const pickle::Value& tensor(std::string_view name) const;

 private:
  std::map<std::string, const pickle::Value*, std::less<>> tensors_;
};

}  // namespace peregrine::osnet
