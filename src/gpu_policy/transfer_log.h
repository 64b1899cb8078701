// The transfer log: every copy between host and device, by name. Copies are made by cuda/memory.h,
// which enters them here; a kernel that writes results into mapped host memory enters the bytes it used.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peregrine::transfer_log {

enum class Direction : std::uint8_t { host_to_device, device_to_host };
/// "host_to_device", "device_to_host".
const char* to_string(Direction direction) noexcept;

struct Transfer {
  std::string name;  ///< "jpeg", "pixels", "results", "weights"
  Direction direction = Direction::host_to_device;
  std::uint64_t bytes = 0;
  bool operator==(const Transfer&) const = default;
};

/// Collects the transfers that this thread makes while it lives; recordings nest. Not to be moved to
/// another thread.
class Recording {
 public:
  enum class Nested : std::uint8_t {
    pass_on,         ///< an outer recording sees the transfers too
    keep_from_outer  ///< it does not: they were captured, not made (CUDA graphs)
  };
  explicit Recording(Nested nested = Nested::pass_on);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  const std::vector<Transfer>& transfers() const noexcept { return transfers_; }
  std::uint64_t bytes(Direction direction) const noexcept;

 private:
  friend void record(std::string_view name, Direction direction, std::uint64_t bytes);
  Recording* outer_;
  Nested nested_;
  std::vector<Transfer> transfers_;
};

/// Enters one transfer. Adds to the process's totals unless it is being captured.
void record(std::string_view name, Direction direction, std::uint64_t bytes);

struct Totals {
  std::uint64_t transfers = 0, bytes = 0;
};
/// Of the whole process since its start, all threads.
Totals totals(Direction direction) noexcept;

}  // namespace peregrine::transfer_log
