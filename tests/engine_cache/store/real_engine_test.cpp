// From a graph through the store to numbers, with an engine that runs.
#include <gmock/gmock.h>

#include "engine/conformance/conformance.h"
#include "engine/host_run.h"
#include "engine/openvino/openvino_builder.h"
#include "engine_cache/store/store_fixture.h"
#include "graph/reference.h"

namespace peregrine::store {
namespace {

TEST_F(StoreTest, AnEngineRunsFromTheStore) {
  const auto builder = make_openvino_builder();
  const graph::Graph graph = conformance::block_cases().front().make();
  const EngineIdentity identity = identity_of(ModelInfo{}, graph, *builder, {}, {}, "");
  int builds = 0;
  const auto build = [&] {
    ++builds;
    return StagedEngine{.plan = builder->build(graph, {})};
  };
  const std::string id = store_.get_or_build(identity, build).id;
  EXPECT_EQ(store_.get_or_build(identity_of(ModelInfo{}, graph, *builder, {}, {}, ""), build).id, id);
  EXPECT_EQ(builds, 1);

  const BuildEnvironment here{builder->library_versions(), builder->device_name(Device::cpu()), ""};
  const auto engine = builder->load(store_.load(id, here, Trust::unverified).plan, Device::cpu());
  const auto inputs = conformance::random_inputs(graph);
  const std::vector<TensorView> views{inputs.front().view()};
  const auto actual = run_on_host(*engine, views), expected = graph::run_reference(graph, views);
  for (std::int64_t i = 0; i < expected[0].shape().elements(); ++i)
    ASSERT_NEAR(actual[0].as<float>()[i], expected[0].as<float>()[i], 1e-4f);
}

TEST(Identity, FollowsGraphAndOptions) {
  const auto builder = make_openvino_builder();
  const graph::Graph graph = conformance::block_cases().front().make(),
                     other = conformance::block_cases().back().make();
  const EngineIdentity identity = identity_of(ModelInfo{}, graph, *builder, {}, {}, "");
  EXPECT_EQ(identity.engine, "openvino");
  EXPECT_EQ(identity.library_versions, builder->library_versions());
  BuildOptions options;
  options.threads = 2;
  options.dynamic_size = true;
  options.workspace_bytes = 5;
  EXPECT_EQ(differences(identity, identity_of(ModelInfo{}, graph, *builder, options, {}, "")).size(),
            2u);  // size, options
  EXPECT_EQ(differences(identity, identity_of(ModelInfo{}, other, *builder, {}, {}, "")).size(), 1u);
}

}  // namespace
}  // namespace peregrine::store
