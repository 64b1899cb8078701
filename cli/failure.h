// Converts exceptions to Error, and checks standard output, which may fail like any other file.
#pragma once

#include "peregrine/error.h"

namespace peregrine::cli {

/// To be called where something was caught: the Error itself, "environment.memory" for memory that ran out,
/// "output.write" where standard output could not take what was printed, "internal.unexpected" for anything
/// else.
Error current_error();

/// Whoever closed a standard stream must not have a model or an engine opened in its place and printed into;
/// and a reader that has gone is an error of writing, not the end of the process.
void guard_standard_streams();

/// Writes out what was printed. Throws Error "output.write" where not all of it arrived.
void flush_standard_output();

}  // namespace peregrine::cli
