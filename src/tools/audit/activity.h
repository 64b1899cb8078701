// The activity of the process on its GPUs, as CUPTI records it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace peregrine::audit {

enum class CopyKind : std::uint8_t {
  to_device,
  to_host,
  within_device,
  within_host,
  between_devices,
  unknown
};
/// "to the device", "to the host", "within a device", "within the host", "between devices", "from or to an
/// unknown place".
const char* to_string(CopyKind kind) noexcept;

struct MemoryCopy {
  CopyKind kind{};
  std::uint64_t bytes = 0;
  std::string
      range;  ///< innermost trace::Range of the thread that asked for it; of a graph: that launched it
  bool in_graph = false;  ///< a node of a CUDA graph
};

/// All launches of a kernel under one range.
struct Kernel {
  std::string name;  ///< as the compiler mangles it
  std::string range;
  std::uint64_t launches = 0, in_graphs = 0;
};

struct Activity {
  std::string library;  ///< "CUPTI 13.0.1 (/usr/local/cuda/lib64/libcupti.so.13)"
  std::vector<MemoryCopy> copies;
  std::vector<Kernel> kernels;
  std::uint64_t memsets = 0;
  std::uint64_t dropped = 0;  ///< records that CUPTI could not keep

  std::uint64_t launches() const noexcept;
  std::uint64_t launches_in_graphs() const noexcept;
  std::uint64_t launches_in(const std::string& range) const noexcept;
};

/// Copies of one kind under one range.
struct CopySum {
  CopyKind kind{};
  std::string range;
  std::uint64_t copies = 0, bytes = 0;
};
std::vector<CopySum> sum_up(const std::vector<MemoryCopy>& copies);

}  // namespace peregrine::audit
