// The command line of engine_bench; engine_bench.cpp says what each option does.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <vector>

#include "engine/cuda/lowering/lowering.h"
#include "peregrine/precision.h"

namespace peregrine::bench {

struct Options {
  std::vector<int> batches{1};
  Precision precision = Precision::fp16;
  std::filesystem::path golden, csv, shortlist, plans, json;
  int streams = cuda::LoweringOptions{}.max_streams;
  int size = 0;
  bool tune = true, list = false;
  std::optional<bool> dependent_launch;
  std::size_t top = 12;
  std::vector<std::filesystem::path> models;
};

/// Throws Error "usage.option".
Options parse(int count, char** values);

}  // namespace peregrine::bench
