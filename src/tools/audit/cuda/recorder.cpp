#include "tools/audit/cuda/recorder.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "core/log.h"
#include "core/trace.h"
#include "cuda/runtime.h"
#include "peregrine/error.h"
#include "tools/audit/cuda/cupti.h"

namespace peregrine::audit {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;
constexpr auto our_ranges = CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0;

/// Copies, memsets and kernels; the others are needed for a copy's range: CUPTI ties ranges to calls, and
/// work to calls.
constexpr std::array kinds{CUPTI_ACTIVITY_KIND_MEMCPY,
                           CUPTI_ACTIVITY_KIND_MEMCPY2,
                           CUPTI_ACTIVITY_KIND_MEMSET,
                           CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL,
                           CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION,
                           CUPTI_ACTIVITY_KIND_RUNTIME,
                           CUPTI_ACTIVITY_KIND_DRIVER};

CopyKind kind_of(std::uint8_t kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD:
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOA: return CopyKind::to_device;
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH:
    case CUPTI_ACTIVITY_MEMCPY_KIND_ATOH: return CopyKind::to_host;
    case CUPTI_ACTIVITY_MEMCPY_KIND_ATOA:
    case CUPTI_ACTIVITY_MEMCPY_KIND_ATOD:
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOA:
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOD: return CopyKind::within_device;
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOH: return CopyKind::within_host;
    case CUPTI_ACTIVITY_MEMCPY_KIND_PTOP: return CopyKind::between_devices;
    default: return CopyKind::unknown;
  }
}

/// The newest record types that we know: later CUPTIs append to them.
using MemcpyRecord = CUpti_ActivityMemcpy6;
using KernelRecord = CUpti_ActivityKernel10;

}  // namespace

class ActivityRecorder::Impl final : public trace::Listener {
 public:
  Impl();
  ~Impl() override;
  Activity take();

  void begin(std::string_view name) override;
  void end() noexcept override;

 private:
  template <class Value>
  struct Correlated {
    std::uint32_t call;
    Value value;
  };
  struct Launch {
    std::string name;
    bool in_graph;
  };

  static void CUPTIAPI request(std::uint8_t** buffer, std::size_t* bytes, std::size_t* most_records);
  static void CUPTIAPI complete(CUcontext context, std::uint32_t stream, std::uint8_t* buffer,
                                std::size_t bytes, std::size_t valid);
  void read(std::uint8_t* buffer, std::size_t valid);
  void enter(const CUpti_Activity& record);
  void disable() noexcept;
  std::uint64_t id_of(std::string_view name);
  std::string range_of(std::uint32_t call) const;

  static inline std::mutex active_mutex;
  static inline Impl* active = nullptr;  ///< CUPTI's callbacks have no context

  Cupti api_ = Cupti::load();
  std::mutex mutex_;
  std::vector<std::string> names_;  ///< of ranges; an id is a place here, from 1
  std::unordered_map<std::uint32_t, std::uint64_t> range_of_call_;
  std::vector<Correlated<MemoryCopy>> copies_;
  std::vector<Correlated<Launch>> launches_;
  std::uint64_t memsets_ = 0, dropped_ = 0;
  std::unique_ptr<trace::Listening> listening_;
};

ActivityRecorder::Impl::Impl() {
  {
    const std::lock_guard lock(active_mutex);
    active = this;
  }
  try {
    api_.check(api_.cuptiActivityRegisterCallbacks(request, complete), "cuptiActivityRegisterCallbacks");
    for (const auto kind : kinds) api_.check(api_.cuptiActivityEnable(kind), "cuptiActivityEnable");
    listening_ = std::make_unique<trace::Listening>(*this);
  } catch (...) {
    disable();
    throw;
  }
}

ActivityRecorder::Impl::~Impl() {
  listening_.reset();
  disable();
}

/// After the last flush CUPTI has no buffer of ours; one that comes all the same is freed unread.
void ActivityRecorder::Impl::disable() noexcept {
  for (const auto kind : kinds) api_.cuptiActivityDisable(kind);
  api_.cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
  const std::lock_guard lock(active_mutex);
  active = nullptr;
}

std::uint64_t ActivityRecorder::Impl::id_of(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto known = std::ranges::find(names_, name);
  const auto id = static_cast<std::uint64_t>(known - names_.begin()) + 1;
  if (known == names_.end()) names_.emplace_back(name);
  return id;
}

// No lock is held while CUPTI is called: it may hand over a buffer before it returns.
void ActivityRecorder::Impl::begin(std::string_view name) {
  api_.cuptiActivityPushExternalCorrelationId(our_ranges, id_of(name));
}

void ActivityRecorder::Impl::end() noexcept {
  std::uint64_t last = 0;
  api_.cuptiActivityPopExternalCorrelationId(our_ranges, &last);
}

void CUPTIAPI ActivityRecorder::Impl::request(std::uint8_t** buffer, std::size_t* bytes,
                                              std::size_t* most_records) {
  *buffer = static_cast<std::uint8_t*>(std::aligned_alloc(8, buffer_bytes));
  *bytes = *buffer ? buffer_bytes : 0;  // without a buffer CUPTI drops records, and says so
  *most_records = 0;
}

void CUPTIAPI ActivityRecorder::Impl::complete(CUcontext, std::uint32_t, std::uint8_t* buffer, std::size_t,
                                               std::size_t valid) {
  {
    const std::lock_guard lock(active_mutex);
    if (active) active->read(buffer, valid);
  }
  std::free(buffer);
}

void ActivityRecorder::Impl::read(std::uint8_t* buffer, std::size_t valid) {
  const std::lock_guard lock(mutex_);
  CUpti_Activity* record = nullptr;
  while (api_.cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS) enter(*record);
  std::size_t dropped = 0;
  if (api_.cuptiActivityGetNumDroppedRecords(nullptr, 0, &dropped) == CUPTI_SUCCESS) dropped_ += dropped;
}

void ActivityRecorder::Impl::enter(const CUpti_Activity& record) {
  switch (record.kind) {
    case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION: {
      const auto& tie = reinterpret_cast<const CUpti_ActivityExternalCorrelation&>(record);
      if (tie.externalKind == our_ranges) range_of_call_[tie.correlationId] = tie.externalId;
      break;
    }
    case CUPTI_ACTIVITY_KIND_MEMCPY: {
      const auto& copy = reinterpret_cast<const MemcpyRecord&>(record);
      copies_.push_back(
          {copy.correlationId, {kind_of(copy.copyKind), copy.bytes, {}, copy.graphNodeId != 0}});
      break;
    }
    case CUPTI_ACTIVITY_KIND_MEMCPY2: {
      const auto& copy = reinterpret_cast<const CUpti_ActivityMemcpyPtoP4&>(record);
      copies_.push_back(
          {copy.correlationId, {CopyKind::between_devices, copy.bytes, {}, copy.graphNodeId != 0}});
      break;
    }
    case CUPTI_ACTIVITY_KIND_MEMSET: ++memsets_; break;
    case CUPTI_ACTIVITY_KIND_KERNEL:
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: {
      const auto& kernel = reinterpret_cast<const KernelRecord&>(record);
      launches_.push_back({kernel.correlationId, {kernel.name ? kernel.name : "", kernel.graphNodeId != 0}});
      break;
    }
    default: break;
  }
}

std::string ActivityRecorder::Impl::range_of(std::uint32_t call) const {
  const auto found = range_of_call_.find(call);
  return found == range_of_call_.end() ? "" : names_[found->second - 1];
}

Activity ActivityRecorder::Impl::take() {
  cuda::check(cuda::runtime().device_synchronize(), "cudaDeviceSynchronize");
  api_.check(api_.cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED), "cuptiActivityFlushAll");
  Activity activity;
  activity.library = api_.name();
  const std::lock_guard lock(mutex_);
  for (auto& [call, copy] : copies_) {
    copy.range = range_of(call);
    activity.copies.push_back(std::move(copy));
  }
  std::map<std::pair<std::string, std::string>, Kernel> kernels;
  for (const auto& [call, launch] : launches_) {
    const std::string range = range_of(call);
    Kernel& kernel = kernels.try_emplace({range, launch.name}, Kernel{launch.name, range}).first->second;
    ++kernel.launches;
    kernel.in_graphs += launch.in_graph ? 1 : 0;
  }
  for (auto& entry : kernels) activity.kernels.push_back(std::move(entry.second));
  activity.memsets = std::exchange(memsets_, 0);
  activity.dropped = std::exchange(dropped_, 0);
  copies_.clear();
  launches_.clear();
  range_of_call_.clear();
  return activity;
}

ActivityRecorder::ActivityRecorder() : impl_(std::make_unique<Impl>()) {}
ActivityRecorder::~ActivityRecorder() = default;
Activity ActivityRecorder::take() { return impl_->take(); }

}  // namespace peregrine::audit
