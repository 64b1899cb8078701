// Part of the tests' programs when they are built with a sanitizer: its runtime refuses dlopen with
// RTLD_DEEPBIND, which TBB (under OpenVINO) asks for. The flag only decides whose symbols win, and is
// dropped.
#include <dlfcn.h>

extern "C" void* dlopen(const char* file, int mode) noexcept {
  using Open = void* (*)(const char*, int);
  static const auto next = reinterpret_cast<Open>(dlsym(RTLD_NEXT, "dlopen"));
  return next(file, mode & ~RTLD_DEEPBIND);
}
