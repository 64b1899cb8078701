// Any bytes as the pickle of a checkpoint, with zeros for storages: what lies behind the archive's checksums, where the
// mutations of checkpoint_fuzz do not get through. The graph is built too.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "model/model.h"
#include "peregrine/error.h"
#include "support/checkpoint_writer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> storages(100, std::string(3072, '\0'));
  const std::string file = peregrine::test::write_checkpoint(std::string(reinterpret_cast<const char*>(data), size), storages);
  try {
    const peregrine::Model model = peregrine::read_model(std::as_bytes(std::span(file)), "fuzz.pt");
    model.graph({2, 128, 64});
  } catch (const peregrine::Error& error) {
    if (!error.code().starts_with("model.")) std::abort();
  }
  return 0;
}
