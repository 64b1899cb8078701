// What the families offer for a step, asked without a GPU: the facts of the device are made up.
#include <gmock/gmock.h>

#include <algorithm>

#include "engine/cuda/runtime/kernel.h"
#include "single_step.h"

namespace peregrine::cuda {

namespace {

Target device(int major, int minor) {
  return {.device = {.name = "made up",
                     .major = major,
                     .minor = minor,
                     .multiprocessors = 132,
                     .shared_bytes_per_block = 227 << 10}};
}

Step step_of(const Case& test, DType dtype = DType::f16) {
  SingleStep maker(dtype);
  Operation operation = test.make(maker);
  return maker.plan(std::move(operation)).steps.front();
}

std::vector<std::int64_t> offers(std::string_view provider, const Step& step, const Target& target) {
  std::vector<std::int64_t> parameters;
  for (const Tactic& tactic : tactics_for(step, target))
    if (tactic.provider == provider) parameters.push_back(tactic.parameters.at(0));
  return parameters;
}

const ConvShape wide{.n = 1, .c = 256, .h = 40, .w = 40, .k = 256, .kernel = 1};

#if PEREGRINE_CUTLASS

TEST(CutlassCandidates, AllTilesForAWideProduct) {
  EXPECT_EQ(offers("cutlass_gemm", step_of(conv("wide", wide)), device(9, 0)).size(), 6u);
}

TEST(CutlassCandidates, ANarrowProductGetsNoWideTiles) {
  ConvShape narrow = wide;
  narrow.k = 32;
  EXPECT_THAT(offers("cutlass_gemm", step_of(conv("narrow", narrow)), device(9, 0)), testing::ElementsAre(0));
}

TEST(CutlassCandidates, FewPixelsGetNoTallTiles) {
  ConvShape few = wide;
  few.h = few.w = 1;
  EXPECT_THAT(offers("cutlass_gemm", step_of(conv("few", few)), device(9, 0)), testing::ElementsAre(0, 1, 2));
}

/// {chunk, columns, consumers, split, blocks} of each.
std::vector<std::vector<std::int64_t>> halo_offers(const ConvShape& shape) {
  std::vector<std::vector<std::int64_t>> parameters;
  for (const Tactic& tactic : tactics_for(step_of(conv("conv3x3_sm90", shape)), device(9, 0)))
    if (tactic.provider == "conv3x3_sm90") parameters.push_back(tactic.parameters);
  return parameters;
}

const ConvShape narrow_window{.n = 16, .c = 64, .h = 80, .w = 80, .k = 64, .kernel = 3};

TEST(HaloCandidates, WeightsAndTilesFitIntoTheirShareOfAMultiprocessor) {
  const auto offers = halo_offers(narrow_window);
  EXPECT_THAT(offers, testing::Contains(testing::ElementsAre(64, 64, 4, 1, 1)));
  EXPECT_THAT(offers, testing::Not(
                          testing::Contains(testing::ElementsAre(64, 64, 4, 1, 2))));  // 2 x 74 KB of weights
  EXPECT_THAT(offers, testing::Contains(testing::ElementsAre(64, 32, 2, 1, 2)));
}

TEST(HaloCandidates, ManyChannelsAreSharedByAClusterOrNarrow) {
  ConvShape deep = narrow_window;
  deep.c = 256;
  for (const auto& offer : halo_offers(deep))
    EXPECT_TRUE(offer[3] > 1 || offer[1] < 64) << testing::PrintToString(offer);
  EXPECT_THAT(halo_offers(deep), testing::Contains(testing::ElementsAre(64, 64, 2, 2, 1)));
  deep.c = 1024;
  EXPECT_THAT(halo_offers(deep), testing::IsEmpty());
}

TEST(HaloCandidates, FewTilesGetNoSecondBlockOfAMultiprocessor) {
  ConvShape few = narrow_window;
  few.n = 1, few.h = few.w = 20, few.k = 32;
  ASSERT_FALSE(halo_offers(few).empty());
  for (const auto& offer : halo_offers(few)) EXPECT_EQ(offer[4], 1) << testing::PrintToString(offer);
}

TEST(HaloCandidates, OnlyWindowsOfThreeWithAStrideOfOneOrTwo) {
  ConvShape strided = narrow_window, dilated = narrow_window, wide = narrow_window, odd = narrow_window;
  strided.stride = 2;
  EXPECT_THAT(halo_offers(strided), testing::Contains(testing::ElementsAre(64, 64, 2, 1, 1)));
  strided.stride = 3, dilated.dilation = 2, wide.kernel = 5, odd.c = 20;
  for (const ConvShape& shape : {strided, dilated, wide, odd})
    EXPECT_THAT(halo_offers(shape), testing::IsEmpty());
}

TEST(DepthwiseRingCandidates, OnlyForWindowsOfThreeThatKeepTheSize) {
  SingleStep maker(DType::f16);
  Depthwise depthwise{.x = maker.input({2, 64, 20, 20}),
                      .weight = maker.depthwise_weight({64, 1, 3, 3}),
                      .y = maker.output({2, 64, 20, 20}),
                      .bias = {},
                      .bias_f16 = {},
                      .residual = {}};
  depthwise.pad = {1, 1, 1, 1};
  const auto offered = [&](const Depthwise& step) {
    return offers("depthwise3x3_sm90",
                  {.name = "a", .nodes = {}, .operation = step, .dependencies = {}, .tactic = {}},
                  device(9, 0))
        .size();
  };
  EXPECT_EQ(offered(depthwise), 4u);
  Depthwise strided = depthwise, dilated = depthwise, unpadded = depthwise;
  strided.stride = {2, 2}, dilated.dilation = {2, 2}, unpadded.pad = {0, 0, 0, 0};
  for (const Depthwise& other : {strided, dilated, unpadded}) EXPECT_EQ(offered(other), 0u);
}

#endif

TEST(CutlassCandidates, OtherDevicesGetNone) {
  const Step step = step_of(conv("wide", wide));
  for (const auto& [major, minor] : {std::pair{8, 0}, {8, 9}, {10, 0}, {12, 0}})
    EXPECT_THAT(offers("cutlass_gemm", step, device(major, minor)), testing::IsEmpty())
        << major << "." << minor;
}

TEST(CutlassCandidates, Fp32GetsNone) {
  EXPECT_THAT(offers("cutlass_gemm", step_of(conv("wide", wide), DType::f32), device(9, 0)),
              testing::IsEmpty());
}

TEST(CutlassCandidates, WhatIsNoProductGetsNone) {
  ConvShape strided = wide, grouped = wide, odd = wide;
  strided.stride = 2, grouped.groups = 4, odd.c = 20;
  for (const ConvShape& shape : {strided, grouped, odd})
    EXPECT_THAT(offers("cutlass_gemm", step_of(conv("not", shape)), device(9, 0)), testing::IsEmpty());
}

#if PEREGRINE_CUTLASS

TEST(CutlassWindowCandidates, DeepTilesForManyChannels) {
  ConvShape window = wide;
  window.kernel = 3;
  EXPECT_THAT(offers("cutlass_implicit_gemm", step_of(conv("window", window)), device(9, 0)),
              testing::ElementsAre(0, 1, 2, 3));
}

TEST(CutlassWindowCandidates, NarrowTilesForFewChannels) {
  ConvShape window = wide;
  window.kernel = 3, window.stride = 2, window.c = window.k = 32;
  EXPECT_THAT(offers("cutlass_implicit_gemm", step_of(conv("window", window)), device(9, 0)),
              testing::ElementsAre(0, 1));
}

#endif

TEST(CutlassWindowCandidates, WhatTheyCannotGatherGetsNone) {
  ConvShape window = wide;
  window.kernel = 3;
  ConvShape grouped = window, few = window, far = window;
  grouped.groups = 2, few.c = 8, far.dilation = 9;
  for (const ConvShape& shape : {wide, grouped, few, far})
    EXPECT_THAT(offers("cutlass_implicit_gemm", step_of(conv("not", shape)), device(9, 0)),
                testing::IsEmpty());
  EXPECT_THAT(offers("cutlass_implicit_gemm", step_of(conv("other", window)), device(8, 9)),
              testing::IsEmpty());
  EXPECT_THAT(offers("cutlass_implicit_gemm", step_of(conv("fp32", window), DType::f32), device(9, 0)),
              testing::IsEmpty());
}

TEST(CutlassWindowCandidates, RowsOffSixteenBytesGetNone) {
  ConvShape window = wide;
  window.kernel = 3;
  Step step = step_of(conv("window", window));
  std::get<Conv>(step.operation).x.strides[2] += 4;
  EXPECT_THAT(offers("cutlass_implicit_gemm", step, device(9, 0)), testing::IsEmpty());
}

TEST(CublasLtCandidates, NoneWithoutTheLibrary) {
  ConvShape plain = wide;
  plain.activation = Activation::none;
  EXPECT_THAT(offers("cublaslt", step_of(conv("plain", plain)), device(9, 0)), testing::IsEmpty());
}

TEST(Candidates, OneNamesAnUnknownVariant) {
  Step step = step_of(conv("wide", wide));
  for (const std::string_view provider : {"cutlass_gemm", "cutlass_implicit_gemm", "cublaslt"}) {
    Tactic tactic{std::string(provider), {99, 99}, {}, 0, 0};
    EXPECT_ANY_THROW(instantiate_tactic(step, tactic, device(9, 0))) << provider;
  }
}

TEST(PdlModeOf, ALibrarysKernelWaitsWhereTheTunerFoundThatItDoes) {
  Tactic tactic;
  for (const char* library : {"cudnn", "cublaslt"}) {
    tactic.provider = library;
    tactic.honors_pdl_wait = false;
    EXPECT_EQ(pdl_mode_of(tactic), PdlMode::implicit) << library;
    tactic.honors_pdl_wait = true;
    EXPECT_EQ(pdl_mode_of(tactic), PdlMode::implicit_waiting) << library;
  }
  tactic.provider = "gemm";
  EXPECT_EQ(pdl_mode_of(tactic), PdlMode::secondary);
  tactic.provider = "cutlass_implicit_gemm";
  EXPECT_EQ(pdl_mode_of(tactic), PdlMode::none);
}

}  // namespace
}  // namespace peregrine::cuda
