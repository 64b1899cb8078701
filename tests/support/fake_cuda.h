// A CUDA runtime that is none: it takes the place of the table in cuda/runtime.h while it lives, hands out
// host memory, counts what is alive, answers where memory lies, and fails on demand; several threads may call
// it. Kernels do not run: their launches are refused by the real runtime (which sees no device: see the
// constructor), and check_launch() asks this one, which finds nothing wrong.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cuda/runtime.h"

namespace peregrine::test {

class FakeCuda {
 public:
  /// Hides the machine's devices from the real runtime, for the rest of the process: programs with such tests
  /// have no others.
  explicit FakeCuda(int devices = 1);
  ~FakeCuda();
  FakeCuda(const FakeCuda&) = delete;
  FakeCuda& operator=(const FakeCuda&) = delete;

  /// The `nth` call of this name from now on (0: the next) fails. Names are those of the table: "malloc",
  /// "memcpy_async"; "launch" is a kernel's.
  void fail(const std::string& call, int nth, cudaError_t status);
  /// The `nth` call of any kind from now on and all that follow fail, as after an illegal address.
  void lose_device(int nth);
  /// Nothing fails any more.
  void heal();

  /// Calls so far, by name.
  const std::map<std::string, int>& calls() const { return calls_; }
  int total_calls() const { return total_; }
  bool failure_happened() const { return failed_; }

  /// Owned things that were made and not given back.
  std::size_t alive() const { return memory_.size() + handles_.size(); }
  /// What was wrong with the calls themselves: freed twice, used after its end, allocated while a stream is
  /// captured, a pool that went before its memory.
  const std::set<std::string>& misuse() const { return misuse_; }

  /// The memory is there, and came from a pool.
  bool is_pooled(const void* pointer) const;

  /// From now on pointer_attributes says this of the allocation that `pointer` lies in. Host memory: device
  /// -1.
  void move(const void* pointer, cudaMemoryType type, int device = 0);
  /// The device allocations that are alive, for move().
  std::vector<const void*> device_memory() const;
  /// The same of the `nth` malloc from now on.
  void move_allocation(int nth, cudaMemoryType type, int device = 0);
  /// What the device says it has free.
  void set_free_memory(std::size_t bytes) { free_memory_ = bytes; }
  /// Compute capability of the first device; the others are 9.0.
  void set_first_capability(int major) { first_major_ = major; }
  /// The device that new streams belong to.
  void set_stream_device(int device) { stream_device_ = device; }

 private:
  struct Table;
  struct Memory {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
    cudaMemoryType type{};
    int device = 0;
    cudaMemPool_t pool = nullptr;
  };
  cudaError_t enter(const char* call);
  cudaError_t allocate(const char* call, void** pointer, std::size_t bytes, cudaMemoryType type,
                       cudaMemPool_t pool = nullptr);
  cudaError_t release(const char* call, void* pointer);
  /// `body`: the graph of a conditional node, or none for a graph of its own.
  cudaError_t begin_capture(const char* call, cudaStream_t stream, cudaGraph_t body);
  cudaError_t end_capture(cudaStream_t stream, cudaGraph_t* graph);
  template <class Handle>
  cudaError_t make(const char* call, Handle* handle);
  template <class Handle>
  cudaError_t destroy(const char* call, Handle handle);

  cuda::Runtime real_;
  int devices_, current_ = 0, stream_device_ = 0, total_ = 0, lost_at_ = -1, moved_ = -1, first_major_ = 9;
  std::size_t free_memory_ = std::size_t{80} << 30;
  bool failed_ = false;
  cudaError_t last_ = cudaSuccess;
  Memory moved_to_;
  std::map<std::string, int> calls_;
  std::map<std::string, std::pair<int, cudaError_t>> failing_;
  std::map<const std::byte*, Memory> memory_;
  std::map<void*, std::unique_ptr<int>> handles_;  ///< with their device
  std::map<cudaStream_t, cudaGraph_t> captures_;   ///< into which body, or null
  std::list<std::vector<cudaGraph_t>> bodies_;     ///< of conditional nodes
  std::thread::id capturing_;  ///< the thread that began the last of them: others may allocate
  mutable std::recursive_mutex mutex_;
  std::set<std::string> misuse_;
};

}  // namespace peregrine::test
