// peregrine-tensorrt-probe LIBRARY PARSER PLUGINS DEVICE: tries a TensorRT library (PLUGINS may be empty) and
// prints one line of JSON. A
// program of its own, because a library of another layout ends the process that calls it.
#include <sys/prctl.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "engine/tensorrt/probe/probe.h"

int main(int argc, char** argv) {
  using namespace peregrine::tensorrt;
  if (argc != 5) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // whoever waits for the result may be killed
  const ProbeResult result = probe_here({argv[1], argv[2], argv[3]}, std::atoi(argv[4]));
  std::puts(to_line(result).c_str());
  return result.failure.empty() ? 0 : 1;
}
