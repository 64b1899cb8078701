// The log on standard error, and Ctrl-C.
#pragma once

#include <string_view>

namespace peregrine {
class Error;
}

namespace peregrine::cli {

/// What was said in the same words before is left out, unless `verbose` or `json`; warnings and errors never
/// are.
void set_up_log(bool quiet, bool verbose, bool json);
/// One line for a person: what failed and what to do.
void report(const Error& error);

/// From here on Ctrl-C only sets a flag; a second one ends the program at once.
void catch_interrupt();
bool interrupted();

}  // namespace peregrine::cli
