#pragma once

#include "tools/migrate/baseline/speed.h"

namespace peregrine::cli {

/// `peregrine bench --baseline`: measures and prints one model beside its baseline.
void bench_beside_baseline(migrate::SpeedRequest request, bool quiet);

}  // namespace peregrine::cli
