#include "tools/audit/activity.h"

#include <fmt/format.h>

#include <map>
#include <numeric>
#include <string_view>
#include <utility>

#include "tools/audit/audit.h"

namespace peregrine::audit {

namespace {

constexpr std::string_view jpeg = "jpeg";
/// What decoding needs beside the file itself: Huffman and quantisation tables, offsets, status words.
constexpr std::uint64_t jpeg_tables = 64 << 10;

/// The transfer log's copies that nobody has seen yet.
class Expected {
 public:
  explicit Expected(std::span<const FrameAudit> frames) {
    for (const FrameAudit& frame : frames) {
      for (const NamedBytes& transfer : frame.host_to_device) add(CopyKind::to_device, transfer);
      for (const NamedBytes& transfer : frame.device_to_host) add(CopyKind::to_host, transfer);
    }
  }
  bool take(CopyKind kind, std::uint64_t bytes) {
    const auto found = copies_.find({kind, bytes});
    if (found == copies_.end()) return false;
    if (--found->second == 0) copies_.erase(found);
    return true;
  }
  std::uint64_t jpegs() const { return jpegs_; }
  std::uint64_t jpeg_bytes() const { return jpeg_bytes_; }

 private:
  void add(CopyKind kind, const NamedBytes& transfer) {
    if (transfer.name == jpeg) {
      ++jpegs_;
      jpeg_bytes_ += transfer.bytes;
    } else {
      ++copies_[{kind, transfer.bytes}];
    }
  }
  std::map<std::pair<CopyKind, std::uint64_t>, int> copies_;
  std::uint64_t jpegs_ = 0, jpeg_bytes_ = 0;
};

void evaluate_jpeg(const Expected& expected, std::uint64_t up, std::uint64_t down,
                   std::vector<std::string>& violations) {
  const std::uint64_t tables = jpeg_tables * expected.jpegs();
  if (up > expected.jpeg_bytes() + tables)
    violations.push_back(fmt::format(
        "nvJPEG brought {} bytes to the device for {} bytes of JPEG: part of its decoding runs on the host",
        up, expected.jpeg_bytes()));
  if (down > tables) violations.push_back(fmt::format("nvJPEG took {} bytes back to the host", down));
}

}  // namespace

const char* to_string(CopyKind kind) noexcept {
  switch (kind) {
    case CopyKind::to_device: return "to the device";
    case CopyKind::to_host: return "to the host";
    case CopyKind::within_device: return "within a device";
    case CopyKind::within_host: return "within the host";
    case CopyKind::between_devices: return "between devices";
    case CopyKind::unknown: break;
  }
  return "from or to an unknown place";
}

std::uint64_t Activity::launches() const noexcept {
  return std::transform_reduce(kernels.begin(), kernels.end(), std::uint64_t{0}, std::plus{},
                               [](const Kernel& k) { return k.launches; });
}

std::uint64_t Activity::launches_in_graphs() const noexcept {
  return std::transform_reduce(kernels.begin(), kernels.end(), std::uint64_t{0}, std::plus{},
                               [](const Kernel& k) { return k.in_graphs; });
}

std::uint64_t Activity::launches_in(const std::string& range) const noexcept {
  return std::transform_reduce(kernels.begin(), kernels.end(), std::uint64_t{0}, std::plus{},
                               [&](const Kernel& k) { return k.range == range ? k.launches : 0; });
}

std::vector<CopySum> sum_up(const std::vector<MemoryCopy>& copies) {
  std::map<std::pair<CopyKind, std::string>, CopySum> sums;
  for (const MemoryCopy& copy : copies) {
    CopySum& sum = sums.try_emplace({copy.kind, copy.range}, CopySum{copy.kind, copy.range}).first->second;
    ++sum.copies;
    sum.bytes += copy.bytes;
  }
  std::vector<CopySum> list;
  list.reserve(sums.size());
  for (const auto& entry : sums) list.push_back(entry.second);
  return list;
}

std::vector<std::string> evaluate(std::span<const FrameAudit> frames, const Activity& activity) {
  std::vector<std::string> violations;
  if (activity.dropped > 0)
    violations.push_back(fmt::format("CUPTI lost {} records: what they told is not known", activity.dropped));
  if (activity.launches() == 0) violations.emplace_back("CUPTI saw no kernel: nothing was on a GPU");
  Expected expected(frames);
  std::uint64_t jpeg_up = 0, jpeg_down = 0;
  for (const MemoryCopy& copy : activity.copies) {
    if (copy.kind == CopyKind::within_device || copy.kind == CopyKind::within_host) continue;
    if (copy.range == jpeg && copy.kind == CopyKind::to_device)
      jpeg_up += copy.bytes;
    else if (copy.range == jpeg && copy.kind == CopyKind::to_host)
      jpeg_down += copy.bytes;
    else if (!expected.take(copy.kind, copy.bytes))
      violations.push_back(
          fmt::format("CUPTI saw a copy of {} bytes {}{} that the transfer log does not know", copy.bytes,
                      to_string(copy.kind), copy.range.empty() ? "" : " in " + copy.range));
  }
  evaluate_jpeg(expected, jpeg_up, jpeg_down, violations);
  return violations;
}

}  // namespace peregrine::audit
