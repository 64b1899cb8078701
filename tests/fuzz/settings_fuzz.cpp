// Any bytes as peregrine.toml: settings, or an error that is the user's to mend.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "peregrine/error.h"
#include "peregrine/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file =
      memfd_create("peregrine.toml", 0);  // settings come out of files, never out of memory
  if (file < 0 || ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != static_cast<ssize_t>(size))
    std::abort();
  try {
    const auto loaded = peregrine::load_settings({"/proc/self/fd/" + std::to_string(file), {}});
    if (loaded.effective.size() != peregrine::setting_table().size()) std::abort();
  } catch (const peregrine::Error& error) {
    if (!error.code().starts_with("usage.")) std::abort();
  }
  return 0;
}
