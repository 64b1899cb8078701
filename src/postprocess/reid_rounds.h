// In which rounds the persons of a batch run through the ReID model: the same choice on the device and on the host.
#pragma once

#include "base/host_device.h"

namespace peregrine::postprocess {

/// How many persons the engines take, rising.
struct ReidCapacities {
  static constexpr int most = 4;
  int count = 0;
  int slots[most] = {};

  /// Which one the next round takes: the smallest that holds all who are left, or the largest.
  PEREGRINE_HD int for_persons(int left) const {
    int i = 0;
    while (i + 1 < count && slots[i] < left) ++i;
    return i;
  }
};

/// How far the rounds have come. Lies in device memory, where each round finds whom to take.
struct ReidRounds {
  int persons = 0;
  int first = 0;  ///< of this round, and how many it takes at most
  int slots = 0;

  PEREGRINE_HD void begin() { first = 0; }
  /// False when every person has had a round.
  PEREGRINE_HD bool more() const { return first < persons; }
  /// Which capacity the round takes.
  PEREGRINE_HD int choose(const ReidCapacities& capacities) {
    const int chosen = capacities.for_persons(persons - first);
    slots = capacities.slots[chosen];
    return chosen;
  }
  PEREGRINE_HD void end() { first += slots; }
};

}  // namespace peregrine::postprocess
