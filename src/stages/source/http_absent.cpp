// A build with PEREGRINE_HTTP=OFF has no libcurl.
#include "peregrine/error.h"
#include "stages/source/http.h"

namespace peregrine::source {

std::vector<std::byte> download(const std::string&, const std::string& display, const HttpOptions&) {
  throw Error("source.unsupported", display + " cannot be fetched: this build has no HTTP.",
              "Download it and name the file, or build with -DPEREGRINE_HTTP=ON.");
}

}  // namespace peregrine::source
