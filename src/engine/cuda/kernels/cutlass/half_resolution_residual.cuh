// CUTLASS's visitor that fetches a residual of half the height and width for a tile's epilogue.
#pragma once

#include "cutlass/arch/grid_dependency_control.h"
#include "cutlass/epilogue/fusion/sm90_visitor_tma_warpspecialized.hpp"
#include "cutlass/fast_math.h"
#include "engine/cuda/kernels/half_resolution.h"

namespace peregrine::cuda::tiles {

/// Rows of the tile are pixels of the large map. Its threads read, all at once and straight from global
/// memory, the small map's channels for the sums that they hold: 2x2 pixels ask for the same ones, which the
/// cache answers.
struct HalfResolutionResidual {
  using Half = cutlass::half_t;

  struct SharedStorage {};
  struct Arguments {
    const Half* data = nullptr;
    std::int64_t stride = 0;    ///< elements between the small map's pixels
    cutlass::FastDivmod width;  ///< of the large map
  };
  using Params = Arguments;

  template <class Problem>
  static constexpr Params to_underlying_arguments(const Problem&, const Arguments& arguments, void*) {
    return arguments;
  }
  template <class Problem>
  static bool can_implement(const Problem&, const Arguments&) {
    return true;
  }
  template <class Problem>
  static std::size_t get_workspace_size(const Problem&, const Arguments&) {
    return 0;
  }
  template <class Problem>
  static cutlass::Status initialize_workspace(const Problem&, const Arguments&, void*, cudaStream_t,
                                              cutlass::CudaHostAdapter* = nullptr) {
    return cutlass::Status::kSuccess;
  }

  CUTLASS_HOST_DEVICE HalfResolutionResidual() {}
  CUTLASS_HOST_DEVICE HalfResolutionResidual(const Params& parameters, const SharedStorage&)
      : parameters_(&parameters) {}

  CUTLASS_DEVICE bool is_producer_load_needed() const { return false; }
  CUTLASS_DEVICE bool is_C_load_needed() const { return false; }

  template <class... Args>
  CUTLASS_DEVICE auto get_producer_load_callbacks(
      const cutlass::epilogue::fusion::detail::ProducerLoadArgs<Args...>&) {
    return cutlass::epilogue::fusion::detail::EmptyProducerLoadCallbacks{};
  }

  /// Of four lanes with a matrix of four words each, a row a lane: its columns.
  static CUTLASS_DEVICE void transpose(std::uint32_t (&word)[4]) {
    const auto swap = [&](int mask, int low, int high) {
      const bool upper = threadIdx.x & mask;
      const std::uint32_t got = __shfl_xor_sync(~0u, upper ? word[low] : word[high], mask);
      (upper ? word[low] : word[high]) = got;
    };
    swap(1, 0, 1), swap(1, 2, 3);
    swap(2, 0, 2), swap(2, 1, 3);
  }

  /// wgmma leaves a lane two neighbouring channels of every eight, so that four lanes share a row: each reads
  /// eight channels at once, and they exchange what they have.
  template <class Coordinates, class Values>
  struct Callbacks : cutlass::epilogue::fusion::detail::EmptyConsumerStoreCallbacks {
    Coordinates coordinates;  ///< (CPY,CPY_M,CPY_N,EPI_M,EPI_N), of the sums that the thread holds
    Values values;            ///< the same
    int rows, columns;
    const Params* parameters;

    CUTLASS_DEVICE Callbacks(const Coordinates& where, const Values& empty, int m, int n, const Params* p)
        : coordinates(where), values(empty), rows(m), columns(n), parameters(p) {}

    /// Index among words of two channels: `eight` of the 32 channels of block `block`, upper or lower of its
    /// rows.
    static constexpr int word_of(int block, int half, int eight) { return 8 * block + 2 * eight + half; }

    CUTLASS_DEVICE void begin() {
      cutlass::arch::wait_on_dependent_grids();  // which only the warps that fetch have done
      auto words = cute::recast<std::uint32_t>(values);
#pragma unroll
      for (int block = 0; block < cute::size(values) / 16; ++block)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const auto first = coordinates(2 * word_of(block, half, 0));
          const int row = cute::get<0>(first),
                    column = cute::get<1>(first) + static_cast<int>(threadIdx.x % 4) * 6;
          uint4 read{};
          if (row < rows && column < columns) {
            const int line = parameters->width.div(row);
            const std::int64_t pixel = device::half_pixel(row, line, parameters->width.divisor);
            read = *reinterpret_cast<const uint4*>(parameters->data + pixel * parameters->stride + column);
          }
          words(word_of(block, half, 0)) = read.x, words(word_of(block, half, 1)) = read.y;
          words(word_of(block, half, 2)) = read.z, words(word_of(block, half, 3)) = read.w;
        }
    }

    CUTLASS_DEVICE void begin_loop(int epi_m, int epi_n) {
      auto words = cute::recast<std::uint32_t>(values(cute::_, cute::_, cute::_, epi_m, epi_n));
#pragma unroll
      for (int block = 0; block < cute::size(words) / 8; ++block)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          std::uint32_t four[4];
#pragma unroll
          for (int i = 0; i < 4; ++i) four[i] = words(word_of(block, half, i));
          transpose(four);
#pragma unroll
          for (int i = 0; i < 4; ++i) words(word_of(block, half, i)) = four[i];
        }
    }

    template <class Sum, int width>
    CUTLASS_DEVICE cutlass::Array<Half, width> visit(const cutlass::Array<Sum, width>&, int epi_v, int epi_m,
                                                     int epi_n) {
      return cute::recast<cutlass::Array<Half, width>>(values(cute::_, cute::_, cute::_, epi_m, epi_n))(
          epi_v);
    }
  };

  template <bool reference_source, class... Args>
  CUTLASS_DEVICE auto get_consumer_store_callbacks(
      const cutlass::epilogue::fusion::detail::ConsumerStoreArgs<Args...>& args) {
    const auto [m, n, k, l] = args.problem_shape_mnkl;
    const auto all = cute::make_identity_tensor(cute::make_shape(m, n, l));
    const auto coordinates = cutlass::epilogue::fusion::sm90_partition_for_epilogue<reference_source>(
        all, args.tile_shape_mnk, args.tile_coord_mnkl, args.epi_tile, args.tiled_copy, args.thread_idx);
    // A thread's order: two channels, their row and the one eight below, the next eight channels.
    const auto order = coordinates.layout();
    static_assert(decltype(cute::get<1>(order(cute::_1{})) == cute::_1{})::value);
    static_assert(decltype(cute::get<0>(order(cute::_2{})) == cute::_8{})::value);
    static_assert(decltype(cute::get<1>(order(cute::_4{})) == cute::_8{})::value);
    static_assert(decltype(cute::get<1>(order(cute::Int<12>{})) == cute::Int<24>{})::value);
    static_assert(
        decltype(cute::size(cute::take<0, 3>(cute::shape(coordinates))) % cute::_16{} == cute::_0{})::value);
    auto values = cute::make_tensor<Half>(cute::shape(coordinates));
    cute::clear(values);
    return Callbacks<decltype(coordinates), decltype(values)>(coordinates, values, m, n, parameters_);
  }

 private:
  const Params* parameters_ = nullptr;
};

}  // namespace peregrine::cuda::tiles
