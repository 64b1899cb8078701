#include <nlohmann/json.hpp>

#include "tools/migrate/baseline/comparison.h"

namespace peregrine::migrate {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Speed, subject, batch, p50_ms, p90_ms, p99_ms, start_ms, memory_mb)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SpeedComparison, engine, baseline, note, warning)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Measure, name, value, limit, at_least, noise)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PyTorchAccuracy, subject, checks, mismatches, note)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(NamedPrecision, subject, value)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PrecisionPair, metric, before, after, images, standard_error, low, high,
                                   pytorch)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LayerDeparture, layer, relative)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Comparison, speed, pytorch, average_precision, average_precision_note,
                                   layers)

std::string to_json(const Comparison& comparison) { return nlohmann::json(comparison).dump(); }

Comparison parse_comparison(const std::string& text) { return nlohmann::json::parse(text).get<Comparison>(); }

}  // namespace peregrine::migrate
