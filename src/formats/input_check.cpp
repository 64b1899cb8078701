#include "formats/input_check.h"

#include <fmt/format.h>

namespace peregrine {

Error unsupported_channels(std::int64_t channels) {
  return {"model.channels",
          fmt::format("the model takes {} channel{}; Peregrine reads 3-channel colour images", channels,
                      channels == 1 ? "" : "s"),
          "Train it with 3 channels (for Ultralytics: without 'channels' in the data set's YAML); grey "
          "images run as colour ones."};
}

}  // namespace peregrine
