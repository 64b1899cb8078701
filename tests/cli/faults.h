// Machines on which nothing can be written; for run_command's `in_child`.
#pragma once

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>

namespace peregrine::test {

/// Root's right to write where the permissions forbid it ends with the next program.
inline void obey_permissions() { prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE); }

/// Files may not grow beyond 100 kB: writing fails in the middle of a plan, as on a full disk.
inline void limit_file_size() {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{100'000, 100'000};
  setrlimit(RLIMIT_FSIZE, &limit);
}

}  // namespace peregrine::test
