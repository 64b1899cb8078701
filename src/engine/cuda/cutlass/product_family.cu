// Which 1x1 convolutions CUTLASS's matrix products serve.
#include "engine/cuda/compute_90.h"
#include "engine/cuda/cutlass/product.h"
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/families.h"
#include "engine/cuda/matrix_view.h"

namespace peregrine::cuda {
namespace {

using namespace device;
using namespace tiles;

struct Variant {
  int rows, columns;
  ProductLaunch launch;
};

/// The position in this list is the choice's parameter: append, never reorder, or bump the plan's format. Empty where the
/// build is not for compute capability 9.0.
const std::vector<Variant>& variants() {
  static const std::vector<Variant> all {
#if PEREGRINE_CUTLASS
    {64, 32, product_64x32}, {64, 64, product_64x64}, {64, 128, product_64x128}, {128, 64, product_128x64},
        {128, 128, product_128x128}, {128, 256, product_128x256},
#endif
  };
  return all;
}

std::vector<Choice> list(const Step& step, const Target& target) {
  if (!has_90a(target.device) || !std::holds_alternative<Conv>(step.operation)) return {};
  const auto product = as_product(step.operation);
  if (!product) return {};
  const std::int64_t columns = product->y.columns, pixels = product->y.rows;
  std::vector<Choice> choices;
  for (std::size_t i = 0; i < variants().size(); ++i) {
    const Variant& v = variants()[i];
    const bool wasteful =
        v.columns >= 2 * std::max<std::int64_t>(columns, 32) || v.rows >= 2 * std::max<std::int64_t>(pixels, 64);
    if (!wasteful) choices.push_back(variant({static_cast<std::int64_t>(i)}));
  }
  return choices;
}

Product product_of(const Conv& conv, const MatrixProduct& shape, const Memory& memory) {
  Product p;
  p.x = pointer_to<const __half>(conv.x, memory);
  p.weight = pointer_to<const __half>(conv.weight, memory);
  p.y = pointer_to<__half>(conv.y, memory);
  p.x_stride = shape.x.stride, p.y_stride = shape.y.stride;
  p.pixels = static_cast<int>(shape.y.rows);
  p.columns = static_cast<int>(shape.y.columns), p.depth = static_cast<int>(shape.x.columns);
  p.ending = {.bias = pointer_to<const float>(conv.bias, memory),
              .residual = pointer_to<const __half>(conv.residual, memory),
              .residual_stride = shape.residual ? shape.residual->stride : 0,
              .half_of = is_half(conv.residual, conv.y) ? static_cast<int>(conv.y.shape[3]) : 0,
              .residual_place = conv.residual_place,
              .activation = conv.activation};
  return p;
}

Launch make(const Step& step, Choice& choice, const Target& target) {
  const auto index = static_cast<std::size_t>(choice.parameters.at(0));
  const auto product = as_product(step.operation);
  if (index >= variants().size() || !product) throw Error("engine.kernel", "There is no such CUTLASS kernel in this build.");
  return [launch = variants()[index].launch, conv = std::get<Conv>(step.operation), product = *product,
          multiprocessors = target.device.multiprocessors](const Memory& memory, std::byte*, const Queue& queue) {
    launch(product_of(conv, product, memory), multiprocessors, queue);
  };
}

}  // namespace

const KernelFamily cutlass_family{"cutlass", list, make, Start::early};

}  // namespace peregrine::cuda
