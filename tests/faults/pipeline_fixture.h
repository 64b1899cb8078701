// A GPU runner of a demo model over FakeCuda, and a stand-in for the CPU's.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/cuda/runtime/cuda_builder.h"
#include "engine_cache/engine_context.h"
#include "peregrine/error.h"
#include "predictor/gpu/gpu_runner.h"
#include "support/forwarding_builder.h"
#include "support/test_data.h"

namespace peregrine::test {

using predictor::BatchRunner;
using predictor::Frame;
using predictor::RunnerResult;

/// Gives out one plan a graph, made before anything fails.
class KnownPlans final : public UntunedBuilder {
 public:
  KnownPlans() : UntunedBuilder(make_cuda_builder()) {}
  Plan build(const graph::Graph& graph, const BuildOptions& options) const override {
    std::string key = to_string(graph.value(graph.inputs().front()).shape);
    for (const graph::ValueId output : graph.outputs()) key += " " + to_string(graph.value(output).shape);
    if (const auto known = plans_.find(key); known != plans_.end()) return known->second;
    return plans_[key] = UntunedBuilder::build(graph, options);
  }

 private:
  mutable std::map<std::string, Plan> plans_;
};

class CpuStandIn final : public BatchRunner {
 public:
  const RunInfo& info() const override { return info_; }
  const std::vector<ModelInfo>& models() const override { return models_; }
  bool decodes(std::span<const std::byte>) const override { return false; }
  std::vector<RunnerResult> finish(predictor::PreparedBatch& batch) override {
    std::vector<RunnerResult> outcomes(batch.frames().size());
    for (RunnerResult& outcome : outcomes) outcome.result.emplace().path = "on the CPU";
    return outcomes;
  }

 private:
  RunInfo info_;
  std::vector<ModelInfo> models_;
};

class PipelineFaults : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { builder_ = std::make_shared<KnownPlans>(); }
  static void TearDownTestSuite() { builder_.reset(); }

  std::unique_ptr<BatchRunner> make(bool forced = true,
                                    const std::shared_ptr<const Builder>& builder = builder_) const {
    Settings settings;
    settings.batch = 2;
    settings.imgsz = 64;
    settings.force_gpu_only = forced;
    PipelineOptions options;
    options.models = {repository_file("models/demo") / model_};
    for (const std::string& model : beside_) options.models.push_back(repository_file("models/demo") / model);
    if (reid_) options.reid = repository_file("models/demo/demo-reid.pth");
    return predictor::make_gpu_runner({builder, Device::cuda(0), "NVIDIA Fake", Precision::fp32}, settings,
                                      options,
                                      [](std::vector<Fallback>) { return std::make_unique<CpuStandIn>(); });
  }
  Frame frame() const { return {"frame", {}, image_.view()}; }
  std::vector<RunnerResult> run(BatchRunner& runner) const {
    const std::vector<Frame> frames{frame(), frame()};
    return runner.run(frames);
  }
  void make_and_run() const {
    const auto runner = make();
    for (const RunnerResult& outcome : run(*runner))
      if (outcome.error) throw Error(*outcome.error);
  }

  static inline std::shared_ptr<KnownPlans> builder_;
  std::string model_ = "demo-segment.pt";
  std::vector<std::string> beside_;  ///< models that run over the same images
  bool reid_ = false;
  HostImage image_{32, 24, PixelOrder::bgr, std::vector<std::uint8_t>(std::size_t{32} * 24 * 3, 7)};
};

}  // namespace peregrine::test
