// ONNX's own message types (onnx.proto of the Debian package, compiled with the lite runtime). Not to be
// included outside this folder.
#pragma once

#include <onnx.pb.h>

namespace peregrine::onnx {

namespace pb = ::onnx;

}  // namespace peregrine::onnx
