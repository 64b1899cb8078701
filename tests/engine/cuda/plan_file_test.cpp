// Plans as bytes: what is read is what was written, and nothing else is read.
#include "engine/cuda/plan/plan_file.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/checksum_envelope.h"
#include "engine/cuda/lowering/lowering.h"
#include "network.h"
#include "peregrine/error.h"

namespace peregrine::cuda {
namespace {

ExecutionPlan tuned_plan() {
  test::Network net;
  const test::ValueId x = net.c3k2("b", net.layer("a", net.input({1, 3, 32, 32}), 16, {3, 2}), 16, true);
  net.graph.mark_output(net.c2psa("d", net.sppf("c", x, 16), 1, 4), "out");
  ExecutionPlan plan = lower(net.graph, {});
  plan.identity = {"abc", "NVIDIA H100 80GB HBM3", "9.0", "9.19.0", "580.1"};
  for (Step& step : plan.steps)
    step.tactic = {"cudnn", {4, -1}, std::string("\0\xff{}", 4), 1 << 20, 3.25f, true};
  return plan;
}

std::string error_of(std::span<const std::byte> bytes) {
  try {
    plan_from_bytes(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "engine.plan");
    EXPECT_FALSE(error.hint().empty());
    return error.sentence();
  }
  return "";
}

TEST(PlanFile, ReadsWhatItWrote) {
  const ExecutionPlan plan = tuned_plan();
  const std::vector<std::byte> bytes = to_bytes(plan);
  const ExecutionPlan read = plan_from_bytes(bytes);
  EXPECT_EQ(read, plan);
  EXPECT_EQ(dump(read), dump(plan));
  EXPECT_EQ(to_bytes(read), bytes);
}

TEST(PlanFile, RefusesEveryCutAndFlip) {
  std::vector<std::byte> bytes = to_bytes(tuned_plan());
  std::mt19937 random(2);
  for (int trial = 0; trial < 60; ++trial) {
    const std::size_t at = random() % bytes.size();
    EXPECT_NE(error_of(std::span(bytes).first(at)), "") << "cut at " << at;
    bytes[at] ^= std::byte{1} << (random() % 8);
    EXPECT_NE(error_of(bytes), "") << "flipped at " << at;
    bytes = to_bytes(tuned_plan());
  }
  EXPECT_NE(error_of({}), "");
  bytes.push_back({});
  EXPECT_NE(error_of(bytes), "");
}

TEST(PlanFile, RefusesAPlanThatCannotRun) {
  ExecutionPlan plan = tuned_plan();
  plan.arena_bytes = 1;
  EXPECT_NE(error_of(to_bytes(plan)).find("out of bounds"), std::string::npos);
}

TEST(PlanFile, RefusesNonsenseInAnEnvelope) {
  for (std::size_t size : {0u, 7u, 8u, 300u}) {
    std::vector<std::byte> payload(size, std::byte{0x7f});
    EXPECT_NE(error_of(to_envelope("cuda 2", payload)), "") << size;
  }
  EXPECT_NE(error_of(to_envelope("openvino 1", {})), "");
}

TEST(PlanIdentity, SaysWhatDiffers) {
  const PlanIdentity made_for{"abc", "NVIDIA H100 80GB HBM3", "9.0", "9.19.0", "580.1"};
  EXPECT_EQ(compatibility_of(made_for, made_for).fit, Fit::same);
  PlanIdentity here = made_for;
  here.driver_version = "590.2";
  EXPECT_EQ(compatibility_of(made_for, here).fit, Fit::verify);
  EXPECT_EQ(compatibility_of(made_for, here).why, "made for the driver '580.1', here is '590.2'");
  for (std::string PlanIdentity::*field : {&PlanIdentity::graph_digest, &PlanIdentity::device_name,
                                           &PlanIdentity::compute_capability, &PlanIdentity::cudnn_version}) {
    PlanIdentity other = here;
    other.*field = "other";
    EXPECT_EQ(compatibility_of(made_for, other).fit, Fit::rebuild);
    EXPECT_NE(compatibility_of(made_for, other).why.find("'other'"), std::string::npos);
  }
}

}  // namespace
}  // namespace peregrine::cuda
