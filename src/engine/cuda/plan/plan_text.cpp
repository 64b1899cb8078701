// Texts of a plan: the listing for people, and the signature by which the tuner knows equal steps.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <numeric>

#include "engine/cuda/plan/plan_fields.h"
#include "engine/cuda/plan/statistics.h"

namespace peregrine::cuda {
namespace {

template <class T>
std::string text_of(const T& value) {
  if constexpr (std::is_enum_v<T>)
    return fmt::format("{}", static_cast<int>(value));
  else if constexpr (requires { value.begin(); })
    return fmt::format("{}", fmt::join(value, ","));
  else
    return fmt::format("{}", value);
}

std::string text_of(Activation activation) {
  static constexpr const char* names[] = {"none", "relu", "silu", "sigmoid"};
  return names[static_cast<std::size_t>(activation)];
}

std::string text_of(ResidualPlace place) {
  return place == ResidualPlace::after_activation ? "after" : "before";
}

std::string form_of(const TensorRef& tensor) {
  return fmt::format("{}{}({})", tensor.dtype == DType::f32 ? "float" : "half", to_string(tensor.shape),
                     fmt::join(tensor.strides, ","));
}

/// "name=value" for every field of a step; `tensor` turns a tensor into text.
template <class TensorText>
class FieldWriter {
 public:
  explicit FieldWriter(TensorText tensor) : tensor_(std::move(tensor)) {}

  void read(const char* name, const auto& tensors) { add(name, tensors); }
  void write(const char* name, const auto& tensors) { add(name, tensors); }
  void attribute(const char* name, const auto& value) { text += fmt::format(" {}={}", name, text_of(value)); }

  std::string text;

 private:
  void add(const char* name, const TensorRef& tensor) {
    if (tensor) text += fmt::format(" {}={}", name, tensor_(tensor));
  }
  void add(const char* name, const std::vector<TensorRef>& tensors) {
    for (const TensorRef& tensor : tensors) add(name, tensor);
  }

  TensorText tensor_;
};

template <class TensorText>
std::string fields(const Operation& operation, TensorText tensor) {
  FieldWriter writer(std::move(tensor));
  std::visit([&](const auto& step) { visit_fields(step, writer); }, operation);
  return writer.text;
}

bool sums_in_place(const Operation& operation) {
  if (const auto* step = std::get_if<Conv>(&operation)) return step->residual == step->y;
  if (const auto* step = std::get_if<Depthwise>(&operation)) return step->residual == step->y;
  return false;
}

double mebibytes(std::int64_t bytes) { return static_cast<double>(bytes) / 1048576; }

}  // namespace

std::string signature(const Step& step) {
  const auto tensor = [](const TensorRef& ref) {
    const auto bytes = ref.offset * static_cast<std::int64_t>(size_of(ref.dtype));
    return fmt::format("{}/{}", form_of(ref), std::gcd(bytes, std::int64_t{16}));  // gcd(0, 16) = 16: aligned
  };
  return fmt::format("{}{}{}", name_of(step.operation), fields(step.operation, tensor),
                     sums_in_place(step.operation) ? " in place" : "");
}

std::string dump(const ExecutionPlan& plan) {
  const PlanStatistics totals = statistics(plan);
  std::string text = fmt::format(
      "{}, {} steps on {} lanes with {} waits, arena {:.2f} MiB of {:.2f} unshared, weights {:.2f} MiB, "
      "{:.3f} GFLOP\n",
      to_string(plan.precision), plan.steps.size(), plan.streams, totals.dependencies,
      mebibytes(totals.arena_bytes), mebibytes(totals.unshared_bytes), mebibytes(totals.weight_bytes),
      totals.total.flops / 1e9);
  const auto tensor = [](const TensorRef& ref) {
    return fmt::format("{}@{}+{}", form_of(ref), static_cast<int>(ref.buffer), ref.offset);
  };
  for (const PlanBinding& binding : plan.bindings)
    text += fmt::format("{} {} {}\n", binding.is_input ? "input" : "output", binding.name,
                        tensor(binding.tensor));
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    text += fmt::format(
        "{} lane {}{} {} {}{}", i, step.stream_index,
        step.dependencies.empty() ? "" : fmt::format(" after {}", fmt::join(step.dependencies, ",")),
        step.name, name_of(step.operation), fields(step.operation, tensor));
    if (!step.tactic.provider.empty())
      text +=
          fmt::format(" by {}({}) {:.2f} us{}", step.tactic.provider, fmt::join(step.tactic.parameters, ","),
                      step.tactic.microseconds, step.tactic.honors_pdl_wait ? ", waits" : "");
    text += '\n';
  }
  return text;
}

}  // namespace peregrine::cuda
