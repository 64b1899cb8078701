// Fusions: rewrites of the op list, each with its reason, applied in one fixed order.
#pragma once

#include <span>
#include <string_view>

#include "engine/cuda/lowering/lowered_op.h"

namespace peregrine::cuda::lowering {

struct Fusion {
  std::string_view name;
  std::string_view reason;  ///< why it pays, and why at this place of the order
  /// Tries to grow the op at an index into a larger one; true when the list changed.
  bool (*apply)(LoweredOps& ops, std::size_t index);
};

std::span<const Fusion> fusions();
void fuse(LoweredOps& ops);

// The fusions, one family a file.
bool fuse_activation(LoweredOps& ops, std::size_t index);
bool fuse_residual(LoweredOps& ops, std::size_t index);
bool fuse_activation_after_residual(LoweredOps& ops, std::size_t index);
bool fuse_upsampled_convolution(LoweredOps& ops, std::size_t index);
bool fuse_upsampled_product(LoweredOps& ops, std::size_t index);
bool fuse_split_of_groups(LoweredOps& ops, std::size_t index);
bool fuse_attention(LoweredOps& ops, std::size_t index);
bool fuse_gate(LoweredOps& ops, std::size_t index);
bool fuse_gated_sum(LoweredOps& ops, std::size_t index);
bool fuse_pool_chain(LoweredOps& ops, std::size_t index);

/// `into` with the graph nodes of `from` added, for the record.
void take_nodes(LoweredOp& into, const LoweredOp& from);

}  // namespace peregrine::cuda::lowering
