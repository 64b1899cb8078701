// A library that must not be loaded: it says so and ends the process.
#include <cstdio>
#include <cstdlib>

__attribute__((constructor)) static void loaded() {
  std::fputs("loaded out of the working directory", stderr);
  std::_Exit(1);
}
