#include <nlohmann/json.hpp>

#include "peregrine/migration_report.h"
#include "peregrine/version.h"
#include "tools/doctor/environment.h"

namespace peregrine::migrate {

namespace {

using Json = nlohmann::ordered_json;

template <class Item, class Write>
Json list(const std::vector<Item>& items, Write write) {
  Json array = Json::array();
  for (const Item& item : items) array.push_back(write(item));
  return array;
}

Json write(const Measure& check) {
  Json json{{"name", check.name},
            {"value", check.value},
            {"limit", check.limit},
            {"at_least", check.at_least},
            {"holds", check.holds()}};
  if (check.noise > 0) json["noise"] = check.noise;
  return json;
}

Json write(const PyTorchAccuracy& pytorch) {
  return {{"subject", pytorch.subject},
          {"checks", list(pytorch.checks, [](const Measure& one) { return write(one); })},
          {"departures", pytorch.mismatches},
          {"note", pytorch.note}};
}

Json write(const PrecisionPair& pair) {
  return {{"metric", pair.metric},
          {"before", pair.before},
          {"after", pair.after},
          {"lost", pair.lost()},
          {"noise",
           {{"standard_error", pair.standard_error},
            {"low", pair.low},
            {"high", pair.high},
            {"pictures", pair.images}}},
          {"pytorch", list(pair.pytorch, [](const NamedPrecision& one) {
             return Json{{"subject", one.subject}, {"value", one.value}};
           })}};
}

Json write(const Speed& speed) {
  return {{"subject", speed.subject},
          {"batch", speed.batch},
          {"latency_ms", {{"p50", speed.p50_ms}, {"p90", speed.p90_ms}, {"p99", speed.p99_ms}}},
          {"pictures_per_second", speed.images_per_second()},
          {"start_ms", speed.start_ms},
          {"memory_mib", speed.memory_mb}};
}

Json write(const SpeedComparison& speed) {
  Json json{{"engine", list(speed.engine, [](const Speed& one) { return write(one); })},
            {"baseline", list(speed.baseline, [](const Speed& one) { return write(one); })},
            {"note", speed.note}};
  if (const auto times = speed.speed_up()) json["speed_up"] = *times;
  if (!speed.warning.empty()) json["warning"] = speed.warning;
  return json;
}

Json write(const MigratedModel& model) {
  const auto check = [](const Measure& one) { return write(one); };
  const auto precision = [](const PrecisionPair& pair) { return write(pair); };
  const auto layer = [](const LayerDeparture& one) {
    return Json{{"layer", one.layer}, {"relative", one.relative}};
  };
  return {{"role", to_string(model.task_slot)},
          {"path", model.path.native()},
          {"facts", model.facts},
          {"engine", model.engine},
          {"engine_id", model.engine_id},
          {"precision", model.precision},
          {"validation", model.validation},
          {"witness",
           {{"verdict", model.witness.verdict}, {"name", model.witness.name}, {"note", model.witness.note}}},
          {"notes", model.notes},
          {"checks", list(model.checks, check)},
          {"departures", model.mismatches},
          {"pytorch_fp16", write(model.pytorch)},
          {"average_precision", list(model.average_precision, precision)},
          {"average_precision_note", model.average_precision_note},
          {"speed", write(model.speed)},
          {"layers", list(model.layers, layer)}};
}

Json write(const std::vector<NamedBytes>& transfers) {
  return list(transfers, [](const NamedBytes& one) {
    return Json{{"name", one.name}, {"bytes", one.bytes}};
  });
}

}  // namespace

std::string to_json(const Report& report) {
  const auto step = [](const StepResult& one) {
    return Json{{"name", one.name},
                {"verdict", to_string(one.verdict)},
                {"sentence", one.sentence},
                {"seconds", one.seconds}};
  };
  const auto extra = [](const ExtraEngine& one) {
    return Json{{"role", to_string(one.task_slot)},
                {"engine", one.engine},
                {"engine_id", one.engine_id},
                {"state", one.state}};
  };
  const Json json{
      {"peregrine", version},
      {"date", report.date},
      {"good", report.good()},
      {"error", report.error_code},
      {"verdict", report.verdict},
      {"environment", doctor::to_json(report.environment)},
      {"steps", list(report.steps, step)},
      {"models", list(report.models, [](const MigratedModel& model) { return write(model); })},
      {"extras", list(report.extras, extra)},
      {"transfers",
       {{"host_to_device", write(report.host_to_device)}, {"device_to_host", write(report.device_to_host)}}},
      {"fallbacks", list(report.fallbacks,
                         [](const Fallback& one) {
                           return Json{{"step", one.step}, {"why", one.why}};
                         })},
      {"backup", report.backup},
      {"generation", report.deployment},
      {"commands", report.commands}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace peregrine::migrate
