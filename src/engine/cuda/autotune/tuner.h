// The Tuner selects the fastest tactic. It is a state machine without a clock: it requests measurements, and
// the caller records them. Every round measures all remaining tactics one after another, with warm and with
// cold caches, so that a drift of the clock rate affects all of them alike.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace peregrine::cuda {

struct TunerOptions {
  int rounds = 7;             ///< at most
  int rounds_to_trust = 2;    ///< before any tactic is dropped
  double drop_beyond = 1.25;  ///< a tactic slower than the best by this factor is not measured again
};

class Tuner {
 public:
  explicit Tuner(std::size_t tactics, TunerOptions options = {});

  struct Request {
    std::size_t tactic = 0;
    bool cold = false;
  };
  /// The next measurement; nullopt when nothing is left to measure.
  std::optional<Request> next_measurement();
  /// Records the time of the last request, in any unit.
  void record(double time);
  /// Disqualifies the tactic of the last request: it failed or computed a wrong result.
  void disqualify();

  /// The fastest tactic so far; nullopt when all are disqualified or none was measured.
  std::optional<std::size_t> best() const;
  /// The mean of a tactic's median warm and median cold time.
  double time_of(std::size_t tactic) const;
  /// The number of tactics that are not disqualified.
  std::size_t remaining() const;

 private:
  struct Entry {
    std::vector<double> warm, cold;
    bool disqualified = false;
  };
  bool measured(const Entry& tactic) const { return !tactic.warm.empty() && !tactic.cold.empty(); }
  void end_round();

  TunerOptions options_;
  std::vector<Entry> entries_;
  std::size_t position_ = 0;  ///< in the round: tactic * 2 + cold
  int round_ = 0;
};

}  // namespace peregrine::cuda
