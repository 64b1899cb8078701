// CUTLASS's visitor that fetches a residual of half the height and width for a tile's epilogue.
#pragma once

#include "cutlass/arch/grid_dependency_control.h"
#include "cutlass/epilogue/fusion/sm90_visitor_tma_warpspecialized.hpp"
#include "cutlass/fast_math.h"
#include "engine/cuda/kernels/half_map.h"

namespace peregrine::cuda::tiles {

/// Rows of the tile are pixels of the large map. Each thread reads, all at once and straight from global memory, the small
/// map's channels for the sums that it holds: 2x2 pixels ask for the same ones, which the cache answers.
struct HalfMap {
  using Half = cutlass::half_t;

  struct SharedStorage {};
  struct Arguments {
    const Half* data = nullptr;
    std::int64_t stride = 0;     ///< elements between the small map's pixels
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

  CUTLASS_HOST_DEVICE HalfMap() {}
  CUTLASS_HOST_DEVICE HalfMap(const Params& parameters, const SharedStorage&) : parameters_(&parameters) {}

  CUTLASS_DEVICE bool is_producer_load_needed() const { return false; }
  CUTLASS_DEVICE bool is_C_load_needed() const { return false; }

  template <class... Args>
  CUTLASS_DEVICE auto get_producer_load_callbacks(const cutlass::epilogue::fusion::detail::ProducerLoadArgs<Args...>&) {
    return cutlass::epilogue::fusion::detail::EmptyProducerLoadCallbacks{};
  }

  template <class Coordinates, class Values>
  struct Callbacks : cutlass::epilogue::fusion::detail::EmptyConsumerStoreCallbacks {
    Coordinates coordinates;  ///< (CPY,CPY_M,CPY_N,EPI_M,EPI_N), of the sums that the thread holds
    Values values;            ///< the same
    int rows, columns;
    const Params* parameters;

    CUTLASS_DEVICE Callbacks(const Coordinates& where, const Values& empty, int m, int n, const Params* p)
        : coordinates(where), values(empty), rows(m), columns(n), parameters(p) {}

    CUTLASS_DEVICE void begin() {
      cutlass::arch::wait_on_dependent_grids();  // which only the warps that fetch have done
      CUTLASS_PRAGMA_UNROLL
      for (int i = 0; i < cute::size(values); i += 2) {
        const int row = cute::get<0>(coordinates(i)), column = cute::get<1>(coordinates(i));
        if (row >= rows || column >= columns) continue;
        const int line = parameters->width.div(row);
        const auto pixel = device::half_pixel(row, line, parameters->width.divisor);
        const auto pair = *reinterpret_cast<const cutlass::Array<Half, 2>*>(parameters->data + pixel * parameters->stride + column);
        values(i) = pair[0], values(i + 1) = pair[1];
      }
    }

    template <class Sum, int width>
    CUTLASS_DEVICE cutlass::Array<Half, width> visit(const cutlass::Array<Sum, width>&, int epi_v, int epi_m, int epi_n) {
      return cute::recast<cutlass::Array<Half, width>>(values(cute::_, cute::_, cute::_, epi_m, epi_n))(epi_v);
    }
  };

  template <bool reference_source, class... Args>
  CUTLASS_DEVICE auto get_consumer_store_callbacks(const cutlass::epilogue::fusion::detail::ConsumerStoreArgs<Args...>& args) {
    const auto [m, n, k, l] = args.problem_shape_mnkl;
    const auto all = cute::make_identity_tensor(cute::make_shape(m, n, l));
    const auto coordinates = cutlass::epilogue::fusion::sm90_partition_for_epilogue<reference_source>(
        all, args.tile_shape_mnk, args.tile_coord_mnkl, args.epi_tile, args.tiled_copy, args.thread_idx);
    // Two neighbours in a thread's order are neighbouring channels.
    static_assert(decltype(cute::get<1>(coordinates.layout()(cute::_1{})) == cute::_1{})::value);
    auto values = cute::make_tensor<Half>(cute::shape(coordinates));
    cute::clear(values);
    return Callbacks<decltype(coordinates), decltype(values)>(coordinates, values, m, n, parameters_);
  }

 private:
  const Params* parameters_ = nullptr;
};

}  // namespace peregrine::cuda::tiles
