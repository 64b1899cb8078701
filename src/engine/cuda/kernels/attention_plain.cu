// Attention without tensor cores, any sizes and dtype: a block a query, the scores of all tokens in shared
// memory. The reference of the fused kernel, and the FP32 engine's.
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/providers.h"

namespace peregrine::cuda {
namespace {

using namespace device;

constexpr int threads = 128, lanes = 32, warps = threads / lanes;

// ------------------------------------------------------------ kernels

/// Of one tensor [N, heads, dimension, tokens] whose elements of a token lie side by side.
template <class T>
struct Tokens {
  T* data;
  std::int64_t image, head, token;
  __device__ T* at(int n, int h, int t) const { return data + n * image + h * head + t * token; }
};

template <class T>
struct Arguments {
  Tokens<const T> q, k, v;
  Tokens<T> y;
  int heads, tokens, key_dimension, head_dimension;
  float scale;
};

/// Combines one value a thread over the block.
template <class F>
__device__ float over_block(float value, float (&scratch)[warps], F combine) {
  for (int offset = lanes / 2; offset > 0; offset /= 2)
    value = combine(value, __shfl_xor_sync(~0u, value, offset));
  if (threadIdx.x % lanes == 0) scratch[threadIdx.x / lanes] = value;
  __syncthreads();
  float total = scratch[0];
  for (int i = 1; i < warps; ++i) total = combine(total, scratch[i]);
  __syncthreads();
  return total;
}

/// y[t] = sum over u of softmax over u (scale q[t].k[u]) v[u], for any sizes, FP16 or FP32.
/// A block has one query; its 128 threads share the tokens, then the numbers of the result; the grid is
/// tokens x heads x images.
/// Shared memory: the scores of all tokens (dynamic, 4 bytes a token) and a value a warp for the two
/// reductions.
/// Barriers: over_block() publishes the warps' values before they are combined, and keeps them from being
/// overwritten before all threads have read them; its second use also publishes the scores.
/// The provider "plain" launches it: the reference of `attention`, and the FP32 engine's kernel.
template <class T>
__global__ void __launch_bounds__(threads) attention_plain(Arguments<T> a, PdlTrigger trigger) {
  extern __shared__ float scores[];
  __shared__ float scratch[warps];
  const int query = blockIdx.x, head = blockIdx.y, n = blockIdx.z;
  grid_dependency_wait(trigger);
  const T* q = a.q.at(n, head, query);
  float highest = -3.402823466e38f, sum = 0;
  for (int t = threadIdx.x; t < a.tokens; t += threads) {
    const T* k = a.k.at(n, head, t);
    float score = 0;
    for (int d = 0; d < a.key_dimension; ++d) score += to_f32(q[d]) * to_f32(k[d]);
    scores[t] = score * a.scale;
    highest = fmaxf(highest, scores[t]);
  }
  highest = over_block(highest, scratch, [](float x, float y) { return fmaxf(x, y); });
  for (int t = threadIdx.x; t < a.tokens; t += threads) sum += scores[t] = expf(scores[t] - highest);
  sum = over_block(sum, scratch, [](float x, float y) { return x + y; });
  T* y = a.y.at(n, head, query);
  for (int d = threadIdx.x; d < a.head_dimension; d += threads) {
    float value = 0;
    for (int t = 0; t < a.tokens; ++t) value += scores[t] * to_f32(a.v.at(n, head, t)[d]);
    y[d] = from_f32<T>(value / sum);
  }
}

// ------------------------------------------------------------ launchers

template <class T, class Ref>
Tokens<T> tokens_of(const Ref& tensor, const Memory& memory) {
  return {pointer_to<T>(tensor, memory), tensor.strides[0], tensor.strides[1], tensor.strides[3]};
}

/// Whole vectors of four: the compiler reads the last scores as one, and past the last of them.
std::size_t score_bytes(const Attention& attention) {
  return static_cast<std::size_t>((attention.q.shape[3] + 3) / 4) * 4 * sizeof(float);
}

std::vector<Tactic> enumerate_tactics(const Step& step, const Target& target) {
  const auto* attention = std::get_if<Attention>(&step.operation);
  if (!attention || score_bytes(*attention) > target.device.shared_bytes_per_block) return {};
  return {Tactic{}};
}

Launch instantiate(const Step& step, Tactic&, const Target&) {
  return [s = std::get<Attention>(step.operation)](const Memory& memory, std::byte*,
                                                   const LaunchContext& context) {
    with_type(s.q.dtype, [&]<class T>() {
      const Arguments<T> a{
          tokens_of<const T>(s.q, memory), tokens_of<const T>(s.k, memory), tokens_of<const T>(s.v, memory),
          tokens_of<T>(s.y, memory),       static_cast<int>(s.q.shape[1]),  static_cast<int>(s.q.shape[3]),
          static_cast<int>(s.q.shape[2]),  static_cast<int>(s.v.shape[2]),  s.scale};
      const std::size_t shared = score_bytes(s);
      if (shared > 48 * 1024)
        check(cudaFuncSetAttribute(attention_plain<T>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(shared)),
              "cudaFuncSetAttribute", "attention_plain");
      const dim3 grid(static_cast<unsigned>(a.tokens), static_cast<unsigned>(a.heads),
                      static_cast<unsigned>(s.q.shape[0]));
      launch_pdl_kernel(context, "attention_plain", attention_plain<T>, grid, threads, shared, a);
    });
  };
}

}  // namespace

const KernelProvider attention_plain_provider{"plain", enumerate_tactics, instantiate, PdlMode::secondary};

}  // namespace peregrine::cuda
