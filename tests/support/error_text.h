// What an action fails with, as text.
#pragma once

#include <string>

#include "peregrine/error.h"

namespace peregrine::test {

/// "code: sentence and hint" of the Error that `action` throws, or "no error".
template <class Action>
std::string error_text(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code() + ": " + error.what();
  }
  return "no error";
}

}  // namespace peregrine::test
