#include <cmath>

#include "stages/postprocess/postprocess.h"
#include "stages/postprocess/tasks/reid/embedding_math.h"

namespace peregrine::postprocess {

void normalise_embedding(std::span<float> features) {
  float squares = 0;
  for (float& f : features) {
    f = finite_or_zero(f);
    squares += f * f;
  }
  const float norm = std::sqrt(squares);
  for (float& f : features) f = normalised(f, norm);
}

}  // namespace peregrine::postprocess
