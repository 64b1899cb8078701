// Classifies the names that a pickle mentions: their origin, and whether they are allowed.
#pragma once

#include <cstdint>
#include <string_view>

namespace peregrine::pickle {

enum class Origin : std::uint8_t {
  known,    ///< of a checkpoint of torch, Ultralytics or other detectors: becomes an inert node
  unknown,  ///< of a package that nothing is known of
  hostile,  ///< leads to running programs or code, which no checkpoint needs
};

/// Known is everything under torch, ultralytics, numpy, collections, pathlib and datetime, a few harmless
/// builtins (getattr, set, ...), what older protocols need, plain namespaces, and the classes of well-known
/// detectors and of the script that saved the file. `name` may be a path into a class ("Detect.forward"), not
/// into a module.
Origin origin_of(std::string_view module, std::string_view name);

}  // namespace peregrine::pickle
