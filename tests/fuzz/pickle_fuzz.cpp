// Any bytes as the pickle of a checkpoint whose storages hold nothing but fours (a stride that heads accept):
// what lies behind the archive's checksums, where the mutations of checkpoint_fuzz do not get through. The
// graph is built too.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "formats/model.h"
#include "peregrine/error.h"
#include "support/checkpoint_writer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> storages(64, [] {
    std::string fours;
    for (int i = 0; i < 600; ++i) fours.append("\0\0\x80\x40", 4);
    return fours;
  }());
  const std::string file =
      peregrine::test::write_checkpoint(std::string(reinterpret_cast<const char*>(data), size), storages);
  try {
    const peregrine::Model model = peregrine::read_model(std::as_bytes(std::span(file)), "fuzz.pt");
    model.graph({2, 128, 64});
  } catch (const peregrine::Error& error) {
    if (!error.code().starts_with("model.")) std::abort();
  }
  return 0;
}
