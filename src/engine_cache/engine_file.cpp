#include "engine_cache/engine_file.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "core/log.h"
#include "core/os/output_file.h"
#include "core/os/read_whole_file.h"
#include "core/task/task_traits.h"
#include "core/text.h"
#include "engine/tensorrt/plan.h"
#include "formats/onnx/decode_head.h"
#include "formats/ultralytics/engine_file.h"
#include "graph/head.h"
#include "graph/rewriter.h"
#include "peregrine/error.h"

namespace peregrine::engine_cache {

namespace {

namespace fs = std::filesystem;

std::vector<std::byte> read(const fs::path& path) {
  if (auto bytes = read_whole_file(path)) return std::move(*bytes);
  throw Error("model.unreadable", fmt::format("{}: the file cannot be read.", printable(path.native())));
}

/// `model` with its head decoded; outputs are called as in Ultralytics' files, or as stages know them.
Model decoded(const Model& model, bool names_of_files) {
  ModelInfo info = model.info();
  info.head = HeadLayout::decoded;
  return {info,
          [&model, names_of_files](const InputShape& shape) {
            graph::Graph graph = model.graph(shape);
            onnx::decode_head(graph, model.info());
            if (names_of_files || graph.outputs().size() == 1) return graph;
            const std::vector<graph::ValueId> outputs = graph.outputs();
            graph::Rewriter(graph).clear_outputs();
            graph.mark_output(outputs[0], graph::decoded_output);
            graph.mark_output(outputs[1], graph::proto_output);
            return graph;
          },
          model.origin()};
}

store::ValidationRecord evaluate(const Model& model, const EngineContext& context, const Request& request,
                                 std::span<const std::byte> blob) {
  if (const std::string why = context.builder->cannot_run(context.device); !why.empty())
    return not_run(context, why);
  InputShape shape = request.shape;
  if (const auto& batches = request.options.batches) shape.batch = batches->opt;
  const Plan plan = tensorrt::adopt_plan(*context.builder, context.device, shape.height, shape.width, blob);
  const auto engine = context.builder->load(plan, context.device);
  return verify(*engine, decoded(model, false), context, shape, request.verification);
}

}  // namespace

bool is_engine_file(const Model& model) {
  return model.info().architecture == ultralytics::engine_architecture;
}

Plan plan_of_engine_file(const Model& model, const EngineContext& context) {
  const ModelInfo& info = model.info();
  if (!context.builder->name().starts_with("tensorrt"))
    throw Error("engine.plan",
                fmt::format("{} is an engine of TensorRT, which the {} engine cannot run.", info.name,
                            context.builder->name()),
                "Pass --engine tensorrt or tensorrt-rtx, or give the model's checkpoint.");
  const std::vector<std::byte> bytes = read(model.origin());
  (void)ultralytics::read_engine_file(bytes, info);  // whole, now as then
  log::info(
      fmt::format("{} was not built here: nothing tells how far it deviates from its model.", info.name));
  return tensorrt::adopt_plan(*context.builder, context.device, info.image_height, info.image_width,
                              ultralytics::plan_of_engine_file(bytes));
}

store::ValidationRecord build_engine_file(const Model& model, const EngineContext& context,
                                          const Request& request, const fs::path& file) {
  const ModelInfo& info = model.info();
  if (traits_of(info).embeds)
    throw Error("usage.ultralytics",
                fmt::format("{} is a ReID model: Ultralytics has no such engines.", info.name),
                "Leave out --ultralytics.");
  BuildOptions options = request.options;
  options.precision = context.precision;
  options.device = context.device;
  options.progress = request.verification.progress;
  const Plan plan =
      context.builder->build(prepare_graph(decoded(model, true), context, request.shape, options), options);
  const tensorrt::PlanContent content = tensorrt::read_plan(plan.bytes);
  store::ValidationRecord record = evaluate(model, context, request, content.blob);
  ultralytics::EngineFile description{.model = info,
                                      .batch = options.batches ? options.batches->max : request.shape.batch,
                                      .dynamic = options.batches.has_value(),
                                      .half = context.precision == Precision::fp16};
  description.model.image_height = request.shape.height;
  description.model.image_width = request.shape.width;
  write_file(file, ultralytics::write_engine_file(description, content.blob));
  return record;
}

}  // namespace peregrine::engine_cache
