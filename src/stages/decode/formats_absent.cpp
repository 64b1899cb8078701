// A build with PEREGRINE_FORMATS=OFF lacks these formats' libraries.
#include "stages/decode/input.h"

namespace peregrine::decode {

HostImage decode_tiff(const Input& input) { input.fail_unsupported("this build does not read TIFF"); }
HostImage decode_gif(const Input& input) { input.fail_unsupported("this build does not read GIF"); }
HostImage decode_avif(const Input& input) { input.fail_unsupported("this build does not read AVIF"); }
HostImage decode_jpeg2000(const Input& input) {
  input.fail_unsupported("this build does not read JPEG 2000");
}

}  // namespace peregrine::decode
