#include "engine/cuda/plan/plan_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/cuda/plan/schedule.h"
#include "engine/cuda/plan/tensor_views.h"

namespace peregrine::cuda {
namespace {

using Index = std::int64_t;

class Checker {
 public:
  explicit Checker(const ExecutionPlan& plan) : plan_(plan) {}

  std::vector<std::string> run() {
    check_buffers();
    for (const PlanBinding& binding : plan_.bindings) check_tensor(binding.tensor, "binding " + binding.name);
    for (const TracedValue& value : plan_.values) check_tensor(value.tensor, "value " + value.name);
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) check_step(i);
    if (found_.empty()) check_order();  // which relies on all of the above
    return std::move(found_);
  }

 private:
  template <class... Args>
  void report(fmt::format_string<Args...> format, Args&&... args) {
    found_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void check_buffers() {
    if (plan_.streams < 1) report("it has no lane");
    for (const Buffer& buffer : plan_.buffers) {
      const auto size =
          buffer.place == Buffer::Place::arena ? plan_.arena_bytes : static_cast<Index>(plan_.weights.size());
      if (buffer.bytes < 0 || buffer.offset < 0 || buffer.offset % 256 != 0)
        report("buffer {} has no valid place", buffer.name);
      const bool binding = buffer.place == Buffer::Place::binding;
      if (binding &&
          (buffer.binding < 0 || static_cast<std::size_t>(buffer.binding) >= plan_.bindings.size()))
        report("buffer {} belongs to no binding", buffer.name);
      if (!binding && buffer.bytes > size - std::min(buffer.offset, size))
        report("buffer {} is out of bounds", buffer.name);
    }
  }

  /// Extents come from a file: none of this may overflow.
  void check_tensor(const TensorRef& tensor, const std::string& what) {
    const auto id = static_cast<std::int32_t>(tensor.buffer);
    const bool exists = id >= 0 && static_cast<std::size_t>(id) < plan_.buffers.size();
    if (!exists || tensor.shape.rank() != tensor.strides.rank() ||
        (tensor.dtype != DType::f16 && tensor.dtype != DType::f32)) {
      report("{} is no tensor of the plan", what);
      return;
    }
    const Index room = plan_.buffer(tensor.buffer).bytes / static_cast<Index>(size_of(tensor.dtype));
    Index last = tensor.offset;
    bool inside = tensor.offset >= 0 && tensor.offset < room;
    for (std::size_t i = 0; inside && i < tensor.shape.rank(); ++i) {
      const Index extent = tensor.shape[i], stride = tensor.strides[i];
      inside = extent >= 1 && stride >= 0 && (stride == 0 || extent - 1 <= (room - 1 - last) / stride);
      if (inside) last += (extent - 1) * stride;
    }
    if (!inside) report("{} reaches out of its buffer", what);
  }

  void check_step(std::size_t index) {
    const Step& step = plan_.steps[index];
    if (step.stream_index < 0 || step.stream_index >= plan_.streams) report("step {} has no lane", step.name);
    for (std::int32_t wait : step.dependencies)
      if (wait < 0 || static_cast<std::size_t>(wait) >= index)
        report("step {} waits for a later one", step.name);
    const Accesses tensors = accesses(step.operation);
    const std::size_t before = found_.size();
    for (const auto& list : {tensors.reads, tensors.writes})
      for (const TensorRef* tensor : list) check_tensor(*tensor, "a tensor of step " + step.name);
    if (found_.size() != before) return;
    if (const auto* conv = std::get_if<Conv>(&step.operation)) check_residual(*conv, step.name);
    for (const TensorRef* write : tensors.writes) {
      if (!writable(*write)) report("step {} writes a constant or an input", step.name);
      for (const TensorRef* read : tensors.reads)
        if (overlap(*write, *read) && !(same_elements(*write, *read) && is_residual(step, read)))
          report("step {} writes what it reads", step.name);
    }
  }

  void check_residual(const Conv& conv, const std::string& name) {
    if (!conv.residual || conv.residual.shape == conv.y.shape) return;
    Shape shape = conv.residual.shape;
    if (shape.rank() == 4) shape[2] *= 2, shape[3] *= 2;
    if (shape != conv.y.shape) report("step {} has a residual of another shape", name);
  }

  bool writable(const TensorRef& tensor) const {
    const Buffer& buffer = plan_.buffer(tensor.buffer);
    if (buffer.place == Buffer::Place::binding)
      return !plan_.bindings[static_cast<std::size_t>(buffer.binding)].is_input;
    return buffer.place == Buffer::Place::arena;
  }

  static bool is_residual(const Step& step, const TensorRef* tensor) {
    if (const auto* conv = std::get_if<Conv>(&step.operation)) return tensor == &conv->residual;
    if (const auto* conv = std::get_if<Depthwise>(&step.operation)) return tensor == &conv->residual;
    return false;
  }

  /// Whether two tensors may have a byte in common, given that buffers of the arena share memory.
  bool meet(const TensorRef& a, const TensorRef& b) const {
    if (a.buffer == b.buffer) return overlap(a, b);
    const Buffer &x = plan_.buffer(a.buffer), &y = plan_.buffer(b.buffer);
    return x.place == Buffer::Place::arena && y.place == Buffer::Place::arena &&
           x.offset < y.offset + y.bytes && y.offset < x.offset + x.bytes;
  }

  bool any_meet(const std::vector<const TensorRef*>& a, const std::vector<const TensorRef*>& b) const {
    return std::ranges::any_of(a, [&](const TensorRef* x) {
      return std::ranges::any_of(b, [&](const TensorRef* y) { return meet(*x, *y); });
    });
  }

  void check_order() {
    const HappensBefore before(plan_);
    std::vector<Accesses> all;
    for (const Step& step : plan_.steps) all.push_back(accesses(step.operation));
    for (std::size_t later = 0; later < all.size(); ++later) {
      for (std::size_t earlier = 0; earlier < later; ++earlier) {
        const Accesses &e = all[earlier], &l = all[later];
        if (before(static_cast<std::int32_t>(earlier), static_cast<std::int32_t>(later))) continue;
        if (any_meet(e.writes, l.reads) || any_meet(e.reads, l.writes) || any_meet(e.writes, l.writes))
          report("steps {} and {} use the same memory in no order", plan_.steps[earlier].name,
                 plan_.steps[later].name);
      }
      for (const TensorRef* read : all[later].reads)
        if (plan_.buffer(read->buffer).place == Buffer::Place::arena && !written_before(all, later, *read))
          report("step {} reads what no step has written", plan_.steps[later].name);
    }
  }

  static bool written_before(const std::vector<Accesses>& all, std::size_t index, const TensorRef& read) {
    for (std::size_t i = 0; i < index; ++i)
      if (std::ranges::any_of(all[i].writes, [&](const TensorRef* write) { return overlap(*write, read); }))
        return true;
    return false;
  }

  const ExecutionPlan& plan_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> defects(const ExecutionPlan& plan) { return Checker(plan).run(); }

}  // namespace peregrine::cuda
