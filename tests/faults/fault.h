// What a failure must look like from outside.
#pragma once

#include <optional>

#include "peregrine/error.h"

namespace peregrine::test {

/// The one error that `work` ends with; nothing where it succeeds. Any other exception passes on and fails
/// the test.
template <class Work>
std::optional<Error> error_of(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  return {};
}

}  // namespace peregrine::test
