#include "bench_baseline.h"

#include <fmt/format.h>

#include "core/text.h"
#include "formats/model.h"

namespace peregrine::cli {

void bench_beside_baseline(migrate::SpeedRequest request, bool quiet) {
  request.model_info = load_model(request.model, task_hint(request.settings, 0, 1)).info();
  request.executable = std::filesystem::read_symlink("/proc/self/exe");
  const migrate::SpeedComparison comparison = compare_with_baseline(request).speed;
  if (quiet) return;
  fmt::print("{}: milliseconds a batch, each program in a process of its own\n",
             printable(request.model.filename().native()));
  fmt::print("{:<32} {:>5} {:>9} {:>9} {:>9} {:>10} {:>9} {:>10}\n", "program", "batch", "p50", "p90", "p99",
             "images/s", "start ms", "memory MiB");
  for (const auto* speeds : {&comparison.engine, &comparison.baseline})
    for (const migrate::Speed& speed : *speeds)
      fmt::print("{:<32} {:>5} {:>9.2f} {:>9.2f} {:>9.2f} {:>10.1f} {:>9.0f} {:>10.0f}\n", speed.subject,
                 speed.batch, speed.p50_ms, speed.p90_ms, speed.p99_ms, speed.images_per_second(),
                 speed.start_ms, speed.memory_mb);
  fmt::print("{}\n", comparison.note);
  if (const auto speed_up = comparison.speed_up()) fmt::print("{:.2f} times as fast.\n", *speed_up);
  if (!comparison.warning.empty()) fmt::print("warning: {}\n", comparison.warning);
}

}  // namespace peregrine::cli
