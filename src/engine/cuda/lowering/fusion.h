// Fusions: rewrites of the draft list, each with its reason, applied in one fixed order.
#pragma once

#include <span>
#include <string_view>

#include "engine/cuda/lowering/draft.h"

namespace peregrine::cuda::lowering {

struct Fusion {
  std::string_view name;
  std::string_view reason;  ///< why it pays, and why at this place of the order
  /// Tries to grow the draft at an index into a larger one; true when the list changed.
  bool (*apply)(DraftList& drafts, std::size_t index);
};

std::span<const Fusion> fusions();
void fuse(DraftList& drafts);

// The fusions, one family a file.
bool fuse_activation(DraftList& drafts, std::size_t index);
bool fuse_residual(DraftList& drafts, std::size_t index);
bool fuse_activation_after_residual(DraftList& drafts, std::size_t index);
bool fuse_upsampled_convolution(DraftList& drafts, std::size_t index);
bool fuse_upsampled_product(DraftList& drafts, std::size_t index);
bool fuse_split_of_groups(DraftList& drafts, std::size_t index);
bool fuse_attention(DraftList& drafts, std::size_t index);
bool fuse_gate(DraftList& drafts, std::size_t index);
bool fuse_gated_sum(DraftList& drafts, std::size_t index);
bool fuse_pool_chain(DraftList& drafts, std::size_t index);

/// `into` with the graph nodes of `from` added, for the record.
void take_nodes(Draft& into, const Draft& from);

}  // namespace peregrine::cuda::lowering
