#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/cuda/kernel.h"
#include "engine/cuda/kernels/families.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

std::span<const KernelFamily> families() {
  static const std::array all{stem_family,           gemm_conv_family,      cudnn_conv_family,      cutlass_family,
                              cutlass_window_family, halo_family,           cublas_lt_family,       depthwise_ring_family,
                              depthwise_family,      conv_transpose_family, linear_family,          pool_family,
                              pool_chain_family,     upsample_family,       gated_sum_family,       softmax_family,
                              global_pool_family,    elementwise_family,    matmul_family,          instance_norm_family,
                              direct_conv_family,    attention_family,      attention_plain_family, bottleneck_family,
                              separable_family,      separate_family};
  return all;
}

std::vector<Choice> candidates(const Step& step, const Target& target) {
  std::vector<Choice> all;
  for (const KernelFamily& family : families())
    for (Choice& choice : family.candidates(step, target)) {
      choice.candidate = family.name;
      all.push_back(std::move(choice));
    }
  return all;
}

namespace {

const KernelFamily* family_named(std::string_view name) {
  const auto all = families();
  const auto found = std::find_if(all.begin(), all.end(), [&](const KernelFamily& family) { return family.name == name; });
  return found == all.end() ? nullptr : &*found;
}

Error no_kernel(const Step& step, std::string_view why) {
  return {"engine.kernel", fmt::format("{} ({}): {}", step.name, name_of(step.operation), why)};
}

}  // namespace

Launch prepare(const Step& step, Choice& choice, const Target& target) {
  if (choice.candidate.empty()) {
    std::vector<Choice> all = candidates(step, target);
    if (all.empty()) throw no_kernel(step, "no kernel serves this step.");
    choice = std::move(all.front());
  }
  const KernelFamily* family = family_named(choice.candidate);
  if (!family) throw no_kernel(step, fmt::format("this version has no kernels called \"{}\".", choice.candidate));
  try {
    return family->prepare(step, choice, target);
  } catch (const Error& refusal) {
    throw no_kernel(step, refusal.sentence());
  }
}

Start start_of(const Choice& choice) {
  const KernelFamily* family = family_named(choice.candidate);
  if (!family) return Start::in_order;
  return family->start == Start::unasked && choice.waits ? Start::unasked_waiting : family->start;
}

}  // namespace peregrine::cuda
