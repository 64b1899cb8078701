// Stands in for libcupti.so.13: work that a test makes up comes back as activity records, with the ranges
// that were pushed on the thread that "did" it.
#include <cupti.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace {

struct State {
  std::mutex mutex;
  CUpti_BuffersCallbackRequestFunc request = nullptr;
  CUpti_BuffersCallbackCompleteFunc complete = nullptr;
  std::set<CUpti_ActivityKind> enabled;
  std::vector<std::vector<std::uint8_t>> records;  ///< not flushed yet
  std::uint32_t calls = 0;
  std::size_t dropped = 0;
  std::string refusing;
};
State& state() {
  static State instance;
  return instance;
}
thread_local std::vector<std::uint64_t> ranges;

template <class Record>
void keep(const Record& record) {
  if (!state().enabled.contains(record.kind)) return;
  auto& bytes = state().records.emplace_back(sizeof record);
  std::memcpy(bytes.data(), &record, sizeof record);
}

/// The API call that work belongs to, tied to the innermost range.
std::uint32_t call() {
  const std::uint32_t id = ++state().calls;
  CUpti_ActivityAPI api{};
  api.kind = CUPTI_ACTIVITY_KIND_RUNTIME;
  api.correlationId = id;
  if (!ranges.empty() && state().enabled.contains(CUPTI_ACTIVITY_KIND_RUNTIME)) {
    CUpti_ActivityExternalCorrelation tie{};
    tie.kind = CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION;
    tie.externalKind = CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0;
    tie.externalId = ranges.back();
    tie.correlationId = id;
    keep(tie);
  }
  keep(api);
  return id;
}

std::size_t size_of(CUpti_ActivityKind kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_KIND_MEMCPY: return sizeof(CUpti_ActivityMemcpy6);
    case CUPTI_ACTIVITY_KIND_MEMCPY2: return sizeof(CUpti_ActivityMemcpyPtoP4);
    case CUPTI_ACTIVITY_KIND_MEMSET: return sizeof(CUpti_ActivityMemset4);
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: return sizeof(CUpti_ActivityKernel10);
    case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION: return sizeof(CUpti_ActivityExternalCorrelation);
    default: return sizeof(CUpti_ActivityAPI);
  }
}

CUptiResult answer(const char* function) {
  return state().refusing == function ? CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED : CUPTI_SUCCESS;
}

}  // namespace

extern "C" {

// What the tests call.

void double_copy(int kind, std::uint64_t bytes, std::uint64_t graph_node) {
  const std::lock_guard lock(state().mutex);
  CUpti_ActivityMemcpy6 copy{};
  copy.kind = CUPTI_ACTIVITY_KIND_MEMCPY;
  copy.copyKind = static_cast<std::uint8_t>(kind);
  copy.bytes = bytes;
  copy.graphNodeId = graph_node;
  copy.correlationId = call();
  keep(copy);
}

void double_peer_copy(std::uint64_t bytes) {
  const std::lock_guard lock(state().mutex);
  CUpti_ActivityMemcpyPtoP4 copy{};
  copy.kind = CUPTI_ACTIVITY_KIND_MEMCPY2;
  copy.copyKind = CUPTI_ACTIVITY_MEMCPY_KIND_PTOP;
  copy.bytes = bytes;
  copy.correlationId = call();
  keep(copy);
}

void double_memset() {
  const std::lock_guard lock(state().mutex);
  CUpti_ActivityMemset4 record{};
  record.kind = CUPTI_ACTIVITY_KIND_MEMSET;
  record.correlationId = call();
  keep(record);
}

/// One launch; of a graph with `kernels` nodes where that is more than none.
void double_launch(const char* name, int kernels) {
  const std::lock_guard lock(state().mutex);
  const std::uint32_t id = call();
  for (int node = kernels == 0 ? 0 : 1; node <= kernels; ++node) {
    CUpti_ActivityKernel10 kernel{};
    kernel.kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
    kernel.name = name;
    kernel.graphNodeId = static_cast<std::uint64_t>(node);
    kernel.correlationId = id;
    keep(kernel);
  }
}

void double_drop(std::size_t records) { state().dropped = records; }
/// Calls of this function are refused from now on; none: an empty name.
void double_refuse(const char* function) { state().refusing = function; }
int double_enabled() { return static_cast<int>(state().enabled.size()); }
int double_open_ranges() { return static_cast<int>(ranges.size()); }

// What the library calls.

CUptiResult CUPTIAPI cuptiGetVersion(std::uint32_t* version) {
  *version = 130001;
  return CUPTI_SUCCESS;
}

CUptiResult CUPTIAPI cuptiGetResultString(CUptiResult, const char** words) {
  *words = "CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED";
  return CUPTI_SUCCESS;
}

CUptiResult CUPTIAPI cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc request,
                                                    CUpti_BuffersCallbackCompleteFunc complete) {
  state().request = request;
  state().complete = complete;
  return answer("cuptiActivityRegisterCallbacks");
}

CUptiResult CUPTIAPI cuptiActivityEnable(CUpti_ActivityKind kind) {
  const CUptiResult status = answer("cuptiActivityEnable");
  if (status == CUPTI_SUCCESS) state().enabled.insert(kind);
  return status;
}

CUptiResult CUPTIAPI cuptiActivityDisable(CUpti_ActivityKind kind) {
  state().enabled.erase(kind);
  return CUPTI_SUCCESS;
}

/// Buffers are filled to the last record that fits, as CUPTI's are.
CUptiResult CUPTIAPI cuptiActivityFlushAll(std::uint32_t) {
  if (const CUptiResult status = answer("cuptiActivityFlushAll"); status != CUPTI_SUCCESS) return status;
  std::vector<std::vector<std::uint8_t>> records;
  {
    const std::lock_guard lock(state().mutex);
    records.swap(state().records);
  }
  for (std::size_t next = 0; next < records.size();) {
    std::uint8_t* buffer = nullptr;
    std::size_t bytes = 0, most = 0, used = 0;
    state().request(&buffer, &bytes, &most);
    for (; next < records.size() && used + records[next].size() <= bytes; ++next) {
      std::memcpy(buffer + used, records[next].data(), records[next].size());
      used += records[next].size();
    }
    state().complete(nullptr, 0, buffer, bytes, used);
  }
  return CUPTI_SUCCESS;
}

CUptiResult CUPTIAPI cuptiActivityGetNextRecord(std::uint8_t* buffer, std::size_t valid,
                                                CUpti_Activity** record) {
  auto* next = buffer;
  if (*record) next = reinterpret_cast<std::uint8_t*>(*record) + size_of((*record)->kind);
  if (next >= buffer + valid) return CUPTI_ERROR_MAX_LIMIT_REACHED;
  *record = reinterpret_cast<CUpti_Activity*>(next);
  return CUPTI_SUCCESS;
}

CUptiResult CUPTIAPI cuptiActivityGetNumDroppedRecords(CUcontext, std::uint32_t, std::size_t* dropped) {
  *dropped = state().dropped;
  state().dropped = 0;
  return CUPTI_SUCCESS;
}

CUptiResult CUPTIAPI cuptiActivityPushExternalCorrelationId(CUpti_ExternalCorrelationKind, std::uint64_t id) {
  ranges.push_back(id);
  return CUPTI_SUCCESS;
}

CUptiResult CUPTIAPI cuptiActivityPopExternalCorrelationId(CUpti_ExternalCorrelationKind,
                                                           std::uint64_t* last) {
  *last = ranges.back();
  ranges.pop_back();
  return CUPTI_SUCCESS;
}
}
