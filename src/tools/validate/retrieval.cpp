#include "tools/validate/retrieval.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "peregrine/error.h"

namespace peregrine::validate {

RetrievalSummary evaluate_retrieval(const std::vector<Embedded>& queries,
                                    const std::vector<Embedded>& gallery) {
  RetrievalSummary summary;
  int counted = 0;
  std::vector<float> similarity(gallery.size());
  std::vector<std::size_t> order(gallery.size());
  for (const Embedded& query : queries) {
    for (std::size_t i = 0; i < gallery.size(); ++i)
      similarity[i] = std::inner_product(query.embedding.begin(), query.embedding.end(),
                                         gallery[i].embedding.begin(), 0.0f);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, std::ranges::greater{}, [&](std::size_t i) { return similarity[i]; });
    int hits = 0;
    double precision = 0;
    for (std::size_t rank = 0; rank < order.size(); ++rank)
      if (gallery[order[rank]].identity == query.identity)
        precision += ++hits / static_cast<double>(rank + 1);
    if (hits == 0) continue;
    ++counted;
    summary.rank1 += gallery[order[0]].identity == query.identity;
    summary.map += precision / hits;
  }
  if (counted == 0)
    throw Error("validation.dataset", "No query shows a person of the gallery.",
                "Images of one person begin with the same IDENTITY in query/ and gallery/: IDENTITY_NUMBER.");
  summary.rank1 /= counted;
  summary.map /= counted;
  return summary;
}

}  // namespace peregrine::validate
