// Plans and bindings, every engine: what was built is what is loaded, and what is wrong is refused.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>

#include "engine/conformance/conformance.h"
#include "engine/conformance/engines.h"
#include "engine/host_run.h"
#include "peregrine/error.h"

namespace peregrine {
namespace {

using ::testing::HasSubstr;

class EngineContract : public ::testing::TestWithParam<const test::EngineUnderTest*> {
 protected:
  void SetUp() override {
    if (const std::string why = test::missing(engine()); !why.empty()) GTEST_SKIP() << "skipped: " << why;
    builder_ = engine().make();
    graph_ = conformance::block_cases().front().make();
    inputs_ = conformance::random_inputs(graph_);
  }

  const test::EngineUnderTest& engine() const { return *GetParam(); }
  BuildOptions options() const {
    return {.precision = engine().precisions.front(), .device = engine().device};
  }
  Plan build() const { return builder_->build(graph_, options()); }
  std::unique_ptr<Engine> load(const Plan& plan) const { return builder_->load(plan, engine().device); }

  std::vector<HostTensor> run(Engine& loaded) const {
    std::vector<TensorView> views;
    for (const HostTensor& input : inputs_) views.push_back(input.view());
    return run_on_host(loaded, views);
  }

  /// Code and sentence of what `action` throws.
  template <class Action>
  static std::string error_of(Action&& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.code() + ": " + error.sentence();
    }
    return "no error";
  }

  std::unique_ptr<Builder> builder_;
  graph::Graph graph_;
  std::vector<HostTensor> inputs_;
};

TEST_P(EngineContract, APlanKeepsItsIdentityAndItsNumbers) {
  const Plan plan = build();
  EXPECT_EQ(plan.engine, builder_->name());
  EXPECT_EQ(plan.precision, options().precision);
  EXPECT_FALSE(plan.library_versions.empty());
  EXPECT_FALSE(plan.device_name.empty());
  const auto first = load(plan), second = load(plan);
  const auto a = run(*first), b = run(*second), again = run(*first);
  ASSERT_EQ(a.size(), graph_.outputs().size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(std::memcmp(a[i].as<float>(), b[i].as<float>(), a[i].bytes()), 0);
    EXPECT_EQ(std::memcmp(a[i].as<float>(), again[i].as<float>(), a[i].bytes()), 0);
  }
}

TEST_P(EngineContract, BindingsAreTheGraphsInputsThenItsOutputs) {
  const auto loaded = load(build());
  std::vector<std::string> expected, actual;
  for (graph::ValueId id : graph_.inputs()) expected.push_back(graph_.value(id).name);
  expected.insert(expected.end(), graph_.output_names().begin(), graph_.output_names().end());
  for (const Binding& binding : loaded->io()) {
    actual.push_back(binding.name);
    EXPECT_EQ(binding.is_input, actual.size() <= graph_.inputs().size());
    EXPECT_EQ(binding.device, engine().device);
  }
  EXPECT_EQ(actual, expected);
}

TEST_P(EngineContract, APlanCutShortIsRefused) {
  const Plan whole = build();
  for (std::size_t keep :
       {std::size_t{0}, std::size_t{1}, std::size_t{50}, whole.bytes.size() / 2, whole.bytes.size() - 1}) {
    Plan plan = whole;
    plan.bytes.resize(keep);
    EXPECT_THAT(error_of([&] { load(plan); }), HasSubstr("engine.plan")) << keep << " bytes";
  }
}

TEST_P(EngineContract, AFlippedBitIsRefused) {
  const Plan whole = build();
  for (std::size_t i = 0; i < 60; ++i) {
    Plan plan = whole;
    plan.bytes[whole.bytes.size() * i / 60] ^= std::byte{1} << (i % 8);
    EXPECT_THAT(error_of([&] { load(plan); }), HasSubstr("engine.plan"))
        << "bit of byte " << whole.bytes.size() * i / 60;
  }
}

TEST_P(EngineContract, APlanOfAnotherEngineOrVersionIsRefused) {
  Plan plan = build();
  plan.engine = "another";
  EXPECT_THAT(error_of([&] { load(plan); }), HasSubstr("engine.plan"));
  plan = build();
  plan.library_versions = "library 0.1";
  EXPECT_THAT(error_of([&] { load(plan); }), HasSubstr("library 0.1"));
}

TEST_P(EngineContract, BindingsThatDoNotFitAreRefusedByName) {
  const auto loaded = load(build());
  std::vector<HostTensor> memory;
  std::vector<TensorView> good;
  for (const Binding& binding : loaded->io()) {
    memory.push_back(HostTensor::zeros(binding.dtype, binding.shape));
    good.push_back(
        {memory.back().view().data, binding.dtype, binding.device, binding.shape, binding.strides});
  }
  const auto refusal = [&](std::size_t i, auto&& spoil) {
    std::vector<TensorView> views = good;
    spoil(views[i]);
    return error_of([&] { loaded->enqueue(views, {}); });
  };
  const Device elsewhere = engine().device.on_gpu() ? Device::cpu() : Device::cuda(0);
  for (std::size_t i = 0; i < good.size(); ++i) {
    const std::string name = "'" + loaded->io()[i].name + "'";
    EXPECT_THAT(refusal(i, [](TensorView& v) { v.shape[0] += 1; }), HasSubstr(name));
    EXPECT_THAT(refusal(i, [](TensorView& v) { v.dtype = DType::i64; }), HasSubstr(name));
    EXPECT_THAT(refusal(i, [&](TensorView& v) { v.device = elsewhere; }), HasSubstr(name));
    EXPECT_THAT(refusal(i, [](TensorView& v) { v.strides[1] += 1; }), HasSubstr(name));
    EXPECT_THAT(refusal(i, [](TensorView& v) { v.data = nullptr; }), HasSubstr(name));
  }
  EXPECT_THAT(error_of([&] { loaded->enqueue(std::span(good).first(1), {}); }), HasSubstr("engine.binding"));
}

TEST_P(EngineContract, OpenShapesRefuseOutputsThatDoNotFollow) {
  if (!engine().open_shapes) GTEST_SKIP() << "skipped: shapes are fixed when this engine is built";
  const conformance::OpenShapeCase block = conformance::open_shape_cases().front();
  BuildOptions open = options();
  open.dynamic_size = true;
  const auto loaded = load(builder_->build(block.make(1, 8, 8), open));
  const HostTensor input = HostTensor::zeros(DType::f32, {1, 8, 4, 4});
  const std::vector<TensorView> views{input.view()};
  const Shape& built = loaded->io().back().shape;
  for (const Shape& wrong : {built, Shape{1, built[1], 2, 8}, Shape{1, built[1], 4, 2}}) {
    const std::vector<Shape> outputs{wrong};
    EXPECT_THAT(error_of([&] { run_on_host(*loaded, views, outputs); }), HasSubstr("engine."))
        << to_string(wrong);
  }
  const std::vector<Shape> right{{1, built[1], 4, 4}};
  EXPECT_NO_THROW(run_on_host(*loaded, views, right));
}

TEST_P(EngineContract, ABuildCanBeCancelled) {
  BuildOptions cancelled = options();
  cancelled.progress = [](double, std::string_view) { return false; };
  EXPECT_THAT(error_of([&] { builder_->build(graph_, cancelled); }), HasSubstr("interrupted.build"));
}

std::vector<const test::EngineUnderTest*> pointers() {
  std::vector<const test::EngineUnderTest*> all;
  for (const test::EngineUnderTest& engine : test::engines()) all.push_back(&engine);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineContract, ::testing::ValuesIn(pointers()), [](const auto& info) {
  std::string name = info.param->make()->name();
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace peregrine
