// The functions of CUPTI that we call, loaded on use. Private to src/tools/audit/cuda.
#pragma once

#include <cupti.h>

#include <string>

#include "core/os/dynamic_library.h"

namespace peregrine::audit {

// Every function in use, once.
#define PEREGRINE_CUPTI_FUNCTIONS(apply)                                                   \
  apply(cuptiGetVersion) apply(cuptiGetResultString) apply(cuptiActivityRegisterCallbacks) \
      apply(cuptiActivityEnable) apply(cuptiActivityDisable) apply(cuptiActivityFlushAll)  \
          apply(cuptiActivityGetNextRecord) apply(cuptiActivityGetNumDroppedRecords)       \
              apply(cuptiActivityPushExternalCorrelationId) apply(cuptiActivityPopExternalCorrelationId)

struct Cupti {
  DynamicLibrary library;
#define PEREGRINE_DECLARE(name) decltype(::name)* name = nullptr;
  PEREGRINE_CUPTI_FUNCTIONS(PEREGRINE_DECLARE)
#undef PEREGRINE_DECLARE

  /// Throws "environment.library".
  static Cupti load();
  /// "CUPTI 13.0.1 (/usr/local/cuda/lib64/libcupti.so.13)".
  std::string name() const;
  /// Throws Error "environment.cupti" with the status in CUPTI's words, for anything but success.
  void check(CUptiResult status, const char* call) const;
};

}  // namespace peregrine::audit
