#pragma once

#include <string>

namespace peregrine::migrate {

/// A line of the environment's table.
struct EnvironmentRow {
  enum class Standing : std::uint8_t { good, absent, bad };  ///< absent: not there, and not needed
  std::string name, found, needed, remedy;
  Standing standing = Standing::good;
};

}  // namespace peregrine::migrate
