// Which pixel of a map of half the size belongs to a pixel of the whole one.
#include "engine/cuda/kernels/half_resolution.h"

#include <gtest/gtest.h>

namespace peregrine::cuda {
namespace {

TEST(HalfResolutionResidual, FourPixelsOfEveryImageShareOne) {
  for (const int height : {2, 4, 14})
    for (const int width : {2, 6, 20}) {
      constexpr int images = 3;
      int index = 0;
      for (int n = 0; n < images; ++n)
        for (int h = 0; h < height; ++h)
          for (int w = 0; w < width; ++w, ++index) {
            const int expected = (n * (height / 2) + h / 2) * (width / 2) + w / 2;
            ASSERT_EQ(device::half_pixel(index, index / width, width), expected) << n << ' ' << h << ' ' << w;
          }
    }
}

}  // namespace
}  // namespace peregrine::cuda
