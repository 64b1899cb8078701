#include "engine/cuda/lowering/fuse/fusion.h"

#include <array>

namespace peregrine::cuda::lowering {

std::span<const Fusion> fusions() {
  static constexpr std::array list{
      Fusion{"activation",
             "an activation is free in the epilogue of what it follows; first, as other patterns look for it",
             fuse_activation},
      Fusion{"residual", "so is the sum of a bottleneck; after the activation, which stands between",
             fuse_residual},
      Fusion{"activation after residual",
             "OSNet's blocks: relu(x + identity); the sum must have been taken in before",
             fuse_activation_after_residual},
      Fusion{"upsampled convolution",
             "a transposed 2x2 convolution and the 3x3 one behind it are linear together: less than half of "
             "the arithmetic, and the "
             "large map between them never exists; the second must have taken in its activation, and no "
             "residual",
             fuse_upsampled_convolution},
      Fusion{"upsampled product",
             "a 1x1 convolution of an upsampled map and others is the sum of two, and the first may come "
             "before the upsampling: "
             "a quarter of its arithmetic, and the large map never exists; behind the residuals, as it "
             "becomes one",
             fuse_upsampled_product},
      Fusion{"gate", "five small steps become one; its two convolutions must have taken in their activations",
             fuse_gate},
      Fusion{"gated sum", "the streams of a block are read once for all gates; needs single gates",
             fuse_gated_sum},
      Fusion{"attention", "the scores never reach memory", fuse_attention},
      Fusion{"split of groups",
             "rows of a weight in another order make split parts contiguous, which reshape then needs",
             fuse_split_of_groups},
      Fusion{"pool chain", "SPPF reads its input once", fuse_pool_chain},
  };
  return list;
}

void fuse(LoweredOps& ops) {
  for (const Fusion& fusion : fusions())
    for (std::size_t i = 0; i < ops.size();)
      if (fusion.apply(ops, i))
        i = 0;  // indices have changed; lists are short
      else
        ++i;
}

void take_nodes(LoweredOp& into, const LoweredOp& from) {
  into.nodes.insert(into.nodes.end(), from.nodes.begin(), from.nodes.end());
}

}  // namespace peregrine::cuda::lowering
