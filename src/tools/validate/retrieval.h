// Retrieval scores of embeddings: each query ranks the gallery by cosine.
#pragma once

#include <string>
#include <vector>

namespace peregrine::validate {

struct Embedded {
  std::string identity;
  std::vector<float> embedding;  ///< L2-normalised; all of one length
};

struct RetrievalSummary {
  double rank1 = 0;  ///< share of queries whose nearest image shows the same person
  double map = 0;    ///< mean over queries of the average precision of their ranking
};

/// Queries whose identity the gallery lacks are left out; throws Error "validation.dataset" when none is
/// left. Equal cosines rank in the gallery's order.
RetrievalSummary evaluate_retrieval(const std::vector<Embedded>& queries,
                                    const std::vector<Embedded>& gallery);

}  // namespace peregrine::validate
