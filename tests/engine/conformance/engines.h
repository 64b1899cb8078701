// The engines under test. To add one: an entry in engines.cpp.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace peregrine::test {

struct EngineUnderTest {
  std::function<std::unique_ptr<Builder>()> make;
  Device device;
  std::vector<Precision> precisions;
  bool open_shapes = false;       ///< takes BuildOptions::dynamic_size
  std::set<std::string> refuses;  ///< names of the cases that it says it cannot run; all others it must run
};

const std::vector<EngineUnderTest>& engines();

/// Why an engine cannot run here ("no CUDA device"); empty when it can.
std::string missing(const EngineUnderTest& engine);

}  // namespace peregrine::test
