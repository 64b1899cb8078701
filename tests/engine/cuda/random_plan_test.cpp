// Random graphs: whatever meets whatever, the plan gives what the graph says.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "network.h"
#include "peregrine/error.h"
#include "plan_expectations.h"

namespace peregrine::test {
namespace {

/// Grows a graph by random operators over values made so far, young ones preferred.
class RandomGraph {
 public:
  explicit RandomGraph(unsigned seed) : net_(seed), random_(seed) {
    values_.push_back(net_.input({1 + pick(2), 1 + pick(6), 4 * (1 + pick(2)), 4 * (1 + pick(2))}));
    for (std::int64_t left = 4 + pick(14); left > 0; --left) grow();
    for (ValueId value : values_)
      if (values_.back() == value || pick(6) == 0) mark(value);
  }

  graph::Graph& graph() { return net_.graph; }
  cuda::LoweringOptions options() {
    constexpr std::array channels{3, 4, 8};
    return {Precision::fp32, channels[static_cast<std::size_t>(pick(3))], pick(3) > 0, pick(3) > 0,
            1 + static_cast<int>(pick(5))};
  }

 private:
  std::int64_t pick(std::int64_t count) {
    return static_cast<std::int64_t>(random_() % static_cast<unsigned>(count));
  }
  std::string name() { return "n" + std::to_string(next_++); }
  const Shape& shape(ValueId value) const { return net_.graph.value(value).shape; }
  ValueId recent() {
    return values_[values_.size() - 1 -
                   static_cast<std::size_t>(
                       std::min(pick(4), pick(static_cast<std::int64_t>(values_.size()))))];
  }
  void mark(ValueId value) {
    net_.graph.mark_output(value, "out" + std::to_string(net_.graph.outputs().size()));
  }

  /// Another value that `fits`, or the same again.
  template <class F>
  ValueId partner(ValueId value, F&& fits) {
    std::vector<ValueId> found;
    for (ValueId other : values_)
      if (fits(shape(other))) found.push_back(other);
    return found.empty() ? value
                         : found[static_cast<std::size_t>(pick(static_cast<std::int64_t>(found.size())))];
  }

  void grow() {
    const ValueId x = recent();
    const Shape s = shape(x);
    switch (pick(18)) {
      case 0:
      case 1:
      case 2: return keep(net_.layer(name(), x, 1 + pick(18), {1 + 2 * pick(2), 1 + pick(2)}));
      case 3: return keep(net_.conv(name(), x, 4 * (1 + pick(4)), {1, 1}));
      case 4: return keep(net_.conv(name(), x, s[1], {3, 1, s[1]}));
      case 5: {  // siblings
        keep(net_.layer(name(), x, 4 * (1 + pick(3))));
        return keep(net_.layer(name(), x, 4 * (1 + pick(3))));
      }
      case 6: return keep(net_.unary(name(), static_cast<UnaryKind>(pick(3)), x));
      case 7: return keep(net_.add(name(), x, partner(x, [&](const Shape& other) { return other == s; })));
      case 8: return keep(net_.bottleneck(name(), x, 4));
      case 16: return keep(net_.separable(name(), x, 1 + pick(18)));
      case 17: {  // a pyramid's level
        if (s[2] > 16) return;
        const ValueId up =
            net_.graph.add(name(), graph::Upsample{graph::Upsample::Kind::nearest, {2, 2}}, {x});
        const Shape doubled = shape(up);
        const ValueId other = partner(up, [&](const Shape& beside) { return same_map(doubled, beside); });
        return keep(net_.layer(name(),
                               net_.concat(name(), pick(2) ? std::vector{up, other} : std::vector{other, up}),
                               1 + pick(18)));
      }
      case 9:
      case 10:
        return keep(
            net_.concat(name(), {x, partner(x, [&](const Shape& other) { return same_map(s, other); })}));
      case 11: {
        if (s[1] < 2) return;
        const std::int64_t first = 1 + pick(s[1] - 1);
        for (ValueId part : net_.split(name(), x, {first, s[1] - first})) keep(part);
        return;
      }
      case 12: return keep(net_.graph.add(name(), graph::Slice{1, 0, s[1], 1 + pick(2)}, {x}));
      case 13: {
        const ValueId once = net_.graph.add(name(), pool(), {x});
        keep(once);
        return keep(net_.graph.add(name(), pool(), {once}));
      }
      case 14: {
        if (s[2] > 16) return;
        return keep(net_.graph.add(name(), graph::Upsample{graph::Upsample::Kind::nearest, {2, 2}}, {x}));
      }
      default: {  // out of its shape and back, with something done there
        const ValueId rows =
            net_.transpose(name(), net_.reshape(name(), x, {s[0], s[1], s[2] * s[3]}), {0, 2, 1});
        const ValueId done = pick(2) ? net_.graph.add(name(), graph::Softmax{-1}, {rows}) : rows;
        return keep(net_.reshape(name(), net_.transpose(name(), done, {0, 2, 1}), s));
      }
    }
  }

  static graph::Pool pool() { return {graph::Pool::Kind::max, {3, 3}, {1, 1}, {1, 1, 1, 1}, false}; }
  static bool same_map(const Shape& a, const Shape& b) {
    return a.rank() == b.rank() && a[0] == b[0] && a[2] == b[2] && a[3] == b[3] && a[1] + b[1] < 64;
  }
  void keep(ValueId value) { values_.push_back(value); }

  Network net_;
  std::mt19937 random_;
  std::vector<ValueId> values_;
  int next_ = 0;
};

TEST(RandomPlans, AreRight) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    RandomGraph random(seed);
    expect_right(random.graph(), random.options());
    ASSERT_FALSE(HasFailure()) << "seed " << seed << '\n' << graph::dump(random.graph());
  }
}

}  // namespace
}  // namespace peregrine::test
