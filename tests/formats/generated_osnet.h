// State dicts of OSNet and its variants, with generated weights.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "support/checkpoint_writer.h"

namespace peregrine::test {

enum class OsnetVariant { plain, ibn, ain };

/// `widths` of conv1 to conv4 and `features` of the embedding; the defaults are those of expected.json.
std::vector<NamedTensor> generated_osnet(OsnetVariant variant,
                                         const std::array<int, 4>& widths = {8, 16, 24, 32},
                                         int features = 16);

}  // namespace peregrine::test
