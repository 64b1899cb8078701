// Crop batches divide the persons of a batch among runs of the ReID model; the device and the host choose
// them alike.
#pragma once

#include "core/host_device.h"

namespace peregrine::postprocess {

/// How many persons the engines take, rising.
struct BatchBuckets {
  static constexpr int most = 4;
  int count = 0;
  int slots[most] = {};

  /// Which one the next crop batch takes: the smallest that holds all who are left, or the largest.
  PEREGRINE_HD int for_persons(int left) const {
    int i = 0;
    while (i + 1 < count && slots[i] < left) ++i;
    return i;
  }
};

/// How far the crop batches have come. It lies in device memory; a crop batch reads its first person there.
struct CropBatches {
  int persons = 0;
  int first = 0;  ///< of this crop batch, and how many it takes at most
  int slots = 0;

  PEREGRINE_HD void begin() { first = 0; }
  /// False when every person has had a crop batch.
  PEREGRINE_HD bool more() const { return first < persons; }
  /// Which capacity the crop batch takes.
  PEREGRINE_HD int choose(const BatchBuckets& buckets) {
    const int chosen = buckets.for_persons(persons - first);
    slots = buckets.slots[chosen];
    return chosen;
  }
  PEREGRINE_HD void end() { first += slots; }
};

}  // namespace peregrine::postprocess
