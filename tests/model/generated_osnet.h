// State dicts of a small OSNet and its variants, with generated weights.
#pragma once

#include <string>
#include <vector>

#include "support/checkpoint_writer.h"

namespace peregrine::test {

enum class OsnetVariant { plain, ibn, ain };

std::vector<NamedTensor> generated_osnet(OsnetVariant variant);

}  // namespace peregrine::test
