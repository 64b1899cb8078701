// Choosing the fastest candidate: a state machine without a clock. It asks for measurements, the caller answers; every
// round measures all candidates that are left, one after another, with warm and with cold caches, so that a drift of
// the clock rate hits all alike.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace peregrine::cuda {

struct TunerOptions {
  int rounds = 7;             ///< at most
  int rounds_to_trust = 2;    ///< before any candidate is dropped
  double drop_beyond = 1.25;  ///< a candidate slower than the best by this factor is not measured again
};

class Tuner {
 public:
  explicit Tuner(std::size_t candidates, TunerOptions options = {});

  struct Question {
    std::size_t candidate = 0;
    bool cold = false;
  };
  /// What to measure next; nothing when the choice is made.
  std::optional<Question> next();
  /// The time that the last question took. Any unit.
  void answer(double time);
  /// The last question's candidate is out: it failed or computed something else.
  void reject();

  /// The fastest so far; nothing when all were rejected or none was measured.
  std::optional<std::size_t> best() const;
  /// Mean of the median warm and the median cold time.
  double time_of(std::size_t candidate) const;
  /// Still in the race.
  std::size_t left() const;

 private:
  struct Candidate {
    std::vector<double> warm, cold;
    bool out = false;
  };
  bool measured(const Candidate& candidate) const { return !candidate.warm.empty() && !candidate.cold.empty(); }
  void end_round();

  TunerOptions options_;
  std::vector<Candidate> candidates_;
  std::size_t position_ = 0;  ///< in the round: candidate * 2 + cold
  int round_ = 0;
};

}  // namespace peregrine::cuda
