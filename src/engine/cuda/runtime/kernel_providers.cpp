#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/runtime/kernel.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

std::span<const KernelProvider> kernel_providers() {
  static const std::array all{stem_provider,
                              gemm_conv_provider,
                              cudnn_conv_provider,
                              cutlass_gemm_provider,
                              cutlass_implicit_gemm_provider,
                              conv3x3_sm90_provider,
                              cublas_lt_provider,
                              depthwise3x3_sm90_provider,
                              depthwise_provider,
                              conv_transpose_provider,
                              linear_provider,
                              pool_provider,
                              pool_chain_provider,
                              upsample_provider,
                              gated_sum_provider,
                              softmax_provider,
                              global_pool_provider,
                              elementwise_provider,
                              matmul_provider,
                              instance_norm_provider,
                              direct_conv_provider,
                              attention_provider,
                              attention_plain_provider,
                              bottleneck_provider,
                              depthwise_pointwise_provider,
                              unfused_pair_provider};
  return all;
}

std::vector<Tactic> tactics_for(const Step& step, const Target& target) {
  std::vector<Tactic> all;
  for (const KernelProvider& provider : kernel_providers())
    for (Tactic& tactic : provider.enumerate_tactics(step, target)) {
      tactic.provider = provider.name;
      all.push_back(std::move(tactic));
    }
  return all;
}

namespace {

const KernelProvider* provider_named(std::string_view name) {
  const auto all = kernel_providers();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const KernelProvider& provider) { return provider.name == name; });
  return found == all.end() ? nullptr : &*found;
}

Error no_kernel(const Step& step, std::string_view why) {
  return {"engine.kernel", fmt::format("{} ({}): {}", step.name, name_of(step.operation), why)};
}

}  // namespace

Launch instantiate_tactic(const Step& step, Tactic& tactic, const Target& target) {
  if (tactic.provider.empty()) {
    std::vector<Tactic> all = tactics_for(step, target);
    if (all.empty()) throw no_kernel(step, "no kernel supports this step.");
    tactic = std::move(all.front());
  }
  const KernelProvider* provider = provider_named(tactic.provider);
  if (!provider)
    throw no_kernel(step, fmt::format("this version has no kernels called \"{}\".", tactic.provider));
  try {
    return provider->instantiate(step, tactic, target);
  } catch (const Error& refusal) {
    throw no_kernel(step, refusal.sentence());
  }
}

PdlMode pdl_mode_of(const Tactic& tactic) {
  const KernelProvider* provider = provider_named(tactic.provider);
  if (!provider) return PdlMode::none;
  return provider->pdl == PdlMode::implicit && tactic.honors_pdl_wait ? PdlMode::implicit_waiting
                                                                      : provider->pdl;
}

}  // namespace peregrine::cuda
