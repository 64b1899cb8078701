// Any bytes as a model file: either a model or an Error of family "model", nothing else.
#include <cstdint>
#include <cstdlib>

#include "formats/model.h"
#include "peregrine/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    peregrine::read_model(std::as_bytes(std::span(data, size)), "fuzz.pt").graph({1, 128, 64});
  } catch (const peregrine::Error& error) {
    if (!error.code().starts_with("model.")) std::abort();
  }
  return 0;
}
