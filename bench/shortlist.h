// Which of cuDNN's kernels an earlier run of engine_bench found fast: only those race again.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/cuda/plan/plan.h"

namespace peregrine::bench {

class Shortlist {
 public:
  /// Of engine_bench's --csv; empty without a file.
  explicit Shortlist(const std::filesystem::path& csv);

  /// Leaves the three of cuDNN's tactics that were the fastest of this step; all of them where none is known.
  void narrow(const std::string& model, int batch, const cuda::Step& step,
              std::vector<cuda::Tactic>& tactics) const;

 private:
  std::map<std::string, std::multimap<double, std::string>>
      by_step_;  ///< "MODEL;BATCH;STEP" to parameters by time
};

}  // namespace peregrine::bench
