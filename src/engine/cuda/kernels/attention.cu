// Attention on tensor cores for YOLO's heads (32 numbers a key, 64 a value): a warp has 16 queries and runs
// over the keys in tiles, keeping its output, the highest score and the sum of the exponentials up to date;
// scores never leave registers. The warps of a block share the tiles of keys and values.
#include "engine/cuda/kernels/conv/gemm_conv.cuh"
#include "engine/cuda/kernels/providers.h"

namespace peregrine::cuda {
namespace {

using namespace device;

constexpr int key_dimension = 32, head_dimension = 64;
constexpr int queries = 16;  ///< of a warp
constexpr int tile = 64;     ///< keys at a time
constexpr int key_vectors = key_dimension / 8, value_vectors = head_dimension / 8;

// ------------------------------------------------------------ kernels

/// Of one tensor [N, heads, dimension, tokens] whose elements of a token lie side by side.
template <class T>
struct Tokens {
  T* data;
  std::int64_t image, head, token;
  __device__ T* at(int t) const { return data + blockIdx.z * image + blockIdx.y * head + t * token; }
};

struct Arguments {
  Tokens<const __half> q, k, v;
  Tokens<__half> y;
  int tokens;
  float scale;  ///< for exponentials with base 2
};

struct Stage {
  uint4 key[tile * key_vectors], value[tile * value_vectors];
};

__device__ std::uint32_t address_of(const void* shared) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
}

template <int vectors, int threads>
__device__ void copy_tile(uint4* to, const Tokens<const __half>& from, int first, int tokens) {
#pragma unroll
  for (int i = 0; i < tile * vectors / threads; ++i) {
    const int item = threadIdx.x + i * threads, row = item / vectors, vector = item % vectors;
    const bool inside = first + row < tokens;
    gemm::copy_async(address_of(to + gemm::swizzled<vectors>(row, vector)),
                     from.at(inside ? first + row : 0) + 8 * vector, inside);
  }
}

__device__ void load_transposed(std::uint32_t (&r)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}

/// Combines the four threads that hold a row of the scores.
template <class F>
__device__ float over_row(float value, F combine) {
  value = combine(value, __shfl_xor_sync(~0u, value, 1));
  return combine(value, __shfl_xor_sync(~0u, value, 2));
}

/// What a warp knows so far about its queries; a thread holds parts of rows lane / 4 and lane / 4 + 8.
struct Progress {
  float out[head_dimension / 8][4] = {};
  float highest[2] = {-3.402823466e38f, -3.402823466e38f}, sum[2] = {};

  __device__ void add(const std::uint32_t (&q)[2][4], const Stage& stage, int keys, float scale) {
    const int lane = threadIdx.x % 32;
    float score[tile / 8][4] = {};
#pragma unroll
    for (int k = 0; k < key_dimension / 16; ++k)
#pragma unroll
      for (int j = 0; j < tile / 16; ++j) {
        std::uint32_t b[4];
        const int row = 16 * j + lane % 8 + lane / 16 * 8, vector = 2 * k + lane / 8 % 2;
        gemm::load_matrices(b, address_of(stage.key + gemm::swizzled<key_vectors>(row, vector)));
        gemm::multiply(score[2 * j], q[k], b[0], b[1]);
        gemm::multiply(score[2 * j + 1], q[k], b[2], b[3]);
      }
#pragma unroll
    for (int half = 0; half < 2; ++half) exponentials(score, half, keys, scale);
#pragma unroll
    for (int k = 0; k < tile / 16; ++k) {
      const auto &low = score[2 * k], &high = score[2 * k + 1];
      const std::uint32_t weights[4] = {gemm::pack(low[0], low[1]), gemm::pack(low[2], low[3]),
                                        gemm::pack(high[0], high[1]), gemm::pack(high[2], high[3])};
#pragma unroll
      for (int j = 0; j < head_dimension / 16; ++j) {
        std::uint32_t b[4];
        load_transposed(b, address_of(stage.value +
                                      gemm::swizzled<value_vectors>(16 * k + lane % 16, 2 * j + lane / 16)));
        gemm::multiply(out[2 * j], weights, b[0], b[1]);
        gemm::multiply(out[2 * j + 1], weights, b[2], b[3]);
      }
    }
  }

  /// Turns scores into weights relative to the highest score so far, and what was summed before with them.
  __device__ void exponentials(float (&score)[tile / 8][4], int half, int keys, float scale) {
    const int first = threadIdx.x % 4 * 2;
    float top = highest[half];
#pragma unroll
    for (int j = 0; j < tile / 8; ++j)
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        float& s = score[j][2 * half + i];
        s = 8 * j + first + i < keys ? s * scale : -INFINITY;
        top = fmaxf(top, s);
      }
    top = over_row(top, [](float x, float y) { return fmaxf(x, y); });
    const float correction = exp2f(highest[half] - top);
    highest[half] = top;
    sum[half] *= correction;
#pragma unroll
    for (auto& column : out) column[2 * half] *= correction, column[2 * half + 1] *= correction;
#pragma unroll
    for (auto& column : score)
#pragma unroll
      for (int i = 0; i < 2; ++i) sum[half] += column[2 * half + i] = exp2f(column[2 * half + i] - top);
  }
};

/// y[t] = sum over u of softmax over u (scale q[t].k[u]) v[u], for a head with 32 numbers a key and 64 a
/// value.
/// A warp has 16 queries; a block's `warps` warps share tiles of 64 keys and values; the grid is query
/// blocks x heads x images.
/// Shared memory: two stages of 64 keys (4 KiB) and 64 values (8 KiB), swizzled for ldmatrix: 24 KiB.
/// Barriers: __syncthreads() after cp.async.wait_group publishes a stage to all warps; the second one keeps
/// the next copy from overwriting a stage that a warp still reads.
/// The provider "attention" launches it for FP16 Attention steps of YOLO's heads; attention_plain is its
/// reference.
template <int warps>
__global__ void __launch_bounds__(32 * warps)
    attention(const __grid_constant__ Arguments a, PdlTrigger trigger) {
  __shared__ __align__(128) Stage stages[2];
  constexpr int threads = 32 * warps;
  const int lane = threadIdx.x % 32, quad = lane % 4;
  const int first_query =
      (static_cast<int>(blockIdx.x) * warps + static_cast<int>(threadIdx.x) / 32) * queries + lane / 4;
  grid_dependency_wait(trigger);
  std::uint32_t q[key_dimension / 16][4];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const __half* from = a.q.at(min(first_query + 8 * half, a.tokens - 1)) + 2 * quad;
#pragma unroll
    for (int k = 0; k < key_dimension / 16; ++k) {
      q[k][half] = *reinterpret_cast<const std::uint32_t*>(from + 16 * k);
      q[k][half + 2] = *reinterpret_cast<const std::uint32_t*>(from + 16 * k + 8);
    }
  }
  const auto copy = [&](int first) {
    Stage& stage = stages[first / tile % 2];
    copy_tile<key_vectors, threads>(stage.key, a.k, first, a.tokens);
    copy_tile<value_vectors, threads>(stage.value, a.v, first, a.tokens);
  };
  Progress progress;
  copy(0);
  gemm::commit();
  for (int first = 0; first < a.tokens; first += tile) {
    if (first + tile < a.tokens) copy(first + tile);
    gemm::commit();
    gemm::wait_for_copies<1>();
    __syncthreads();
    progress.add(q, stages[first / tile % 2], a.tokens - first, a.scale);
    __syncthreads();  // the next copy overwrites what other warps may still read
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float sum = over_row(progress.sum[half], [](float x, float y) { return x + y; });
    const int query = first_query + 8 * half;
    if (query >= a.tokens) continue;
    auto* y = reinterpret_cast<std::uint32_t*>(a.y.at(query) + 2 * quad);
#pragma unroll
    for (int j = 0; j < head_dimension / 8; ++j)
      y[4 * j] = gemm::pack(progress.out[j][2 * half] / sum, progress.out[j][2 * half + 1] / sum);
  }
}

// ------------------------------------------------------------ launchers

bool serves(const TensorRef& tensor, std::int64_t dimension) {
  bool all = tensor.dtype == DType::f16 && tensor.shape[2] == dimension && tensor.strides[2] == 1 &&
             tensor.offset % 8 == 0;
  for (const std::size_t axis : {0, 1, 3}) all = all && tensor.strides[axis] % 8 == 0;
  return all;
}

/// Parameter: warps a block. Many share the tiles, few spread over more of the GPU.
std::vector<Tactic> enumerate_tactics(const Step& step, const Target&) {
  const auto* s = std::get_if<Attention>(&step.operation);
  if (!s || !serves(s->q, key_dimension) || !serves(s->k, key_dimension)) return {};
  if (!serves(s->v, head_dimension) || !serves(s->y, head_dimension)) return {};
  return {make_tactic({4}), make_tactic({2}), make_tactic({1})};
}

template <class T, class Ref>
Tokens<T> tokens_of(const Ref& tensor, const Memory& memory) {
  return {pointer_to<T>(tensor, memory), tensor.strides[0], tensor.strides[1], tensor.strides[3]};
}

template <int warps>
void launch(const Attention& s, const Memory& memory, const LaunchContext& context) {
  constexpr float log2_e = 1.44269504f;
  const Arguments a{tokens_of<const __half>(s.q, memory), tokens_of<const __half>(s.k, memory),
                    tokens_of<const __half>(s.v, memory), tokens_of<__half>(s.y, memory),
                    static_cast<int>(s.q.shape[3]),       s.scale * log2_e};
  const dim3 grid(static_cast<unsigned>(divide_up(a.tokens, queries * warps)),
                  static_cast<unsigned>(s.q.shape[1]), static_cast<unsigned>(s.q.shape[0]));
  launch_pdl_kernel(context, "attention", attention<warps>, grid, 32 * warps, 0, a);
}

Launch instantiate(const Step& step, Tactic& tactic, const Target&) {
  const auto& attention = std::get<Attention>(step.operation);
  const auto with = [&](auto launch) -> Launch {
    return [launch, attention](const Memory& memory, std::byte*, const LaunchContext& context) {
      launch(attention, memory, context);
    };
  };
  switch (tactic.parameters.at(0)) {
    case 4: return with(launch<4>);
    case 2: return with(launch<2>);
    case 1: return with(launch<1>);
    default: throw Error("engine.kernel", "There is no such attention kernel.");
  }
}

}  // namespace

const KernelProvider attention_provider{"attention", enumerate_tactics, instantiate, PdlMode::secondary};

}  // namespace peregrine::cuda
