// A builder that another one works for: what a test wants different it overrides.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace peregrine::test {

class ForwardingBuilder : public Builder {
 public:
  explicit ForwardingBuilder(std::shared_ptr<const Builder> builder) : builder_(std::move(builder)) {}

  std::string name() const override { return builder_->name(); }
  std::string library_versions() const override { return builder_->library_versions(); }
  std::string device_name(const Device& device) const override { return builder_->device_name(device); }
  std::vector<std::string> unsupported(const graph::Graph& graph,
                                       const BuildOptions& options) const override {
    return builder_->unsupported(graph, options);
  }
  std::string cannot_run(const Device& device) const override { return builder_->cannot_run(device); }
  Plan build(const graph::Graph& graph, const BuildOptions& options) const override {
    return builder_->build(graph, options);
  }
  std::unique_ptr<Engine> load(const Plan& plan, const Device& device,
                               const cuda::MemoryPool* pool) const override {
    return builder_->load(plan, device, pool);
  }

 private:
  std::shared_ptr<const Builder> builder_;
};

/// Builds with default kernels whatever it is asked for.
class UntunedBuilder : public ForwardingBuilder {
 public:
  using ForwardingBuilder::ForwardingBuilder;
  Plan build(const graph::Graph& graph, const BuildOptions& options) const override {
    BuildOptions untuned = options;
    untuned.tune = false;
    return ForwardingBuilder::build(graph, untuned);
  }
};

}  // namespace peregrine::test
