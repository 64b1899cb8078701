// Calls in a pickle that give plain data: bytes as protocol 2 spells them, and NumPy's scalars.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "formats/pickle/value.h"

namespace peregrine::pickle {

/// A scalar in place, or what needs a node.
using PlainData = std::variant<Value, Text, Bytes, BigInteger>;

/// What FUNCTION(*arguments) is: bytes for _codecs.encode(text, 'latin1') and bytes(); the number, truth
/// value, text or bytes of numpy.core.multiarray.scalar(dtype, bytes). Nothing for other calls, and for
/// scalars that have no plain value (dates, complex numbers, halves that are not whole: their shortest text
/// is not that of any other type).
std::optional<PlainData> plain_call(std::string_view function, const Value& arguments);

}  // namespace peregrine::pickle
