#include "bench_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "core/text.h"
#include "peregrine/version.h"

namespace peregrine::cli {

double Measurement::percentile(double share) const {
  const auto last = static_cast<double>(latencies.size() - 1);
  return latencies[static_cast<std::size_t>(std::lround(share * last))];
}

double Measurement::images_per_second() const {
  return 1000.0 * batch * static_cast<double>(latencies.size()) /
         std::accumulate(latencies.begin(), latencies.end(), 0.0);
}

namespace {

using Json = nlohmann::ordered_json;

/// The most expensive first.
void print_layers(const Measurement& measurement) {
  std::vector<Layer> layers = measurement.layers;
  std::ranges::stable_sort(layers, std::ranges::greater{}, &Layer::milliseconds);
  double sum = 0;
  for (const Layer& layer : layers) sum += layer.milliseconds;
  fmt::print("\n{} batch {}: {} layers, {:.2f} ms\n", printable(measurement.model), measurement.batch,
             layers.size(), sum);
  for (const Layer& layer : layers) {
    const std::string roofline =
        layer.floor > 0 ? fmt::format("{:>3.0f} % of its roofline  ", 100 * layer.floor / layer.milliseconds)
                        : "";
    fmt::print("{:>9.4f} ms {:>5.1f} %  {}{:<44} {}\n", layer.milliseconds, 100 * layer.milliseconds / sum,
               roofline, layer.name, layer.kind);
  }
}

}  // namespace

void print_table(const std::vector<Measurement>& measurements, const BenchConditions& conditions) {
  const RunInfo& info = measurements.front().info;
  fmt::print("{} on {}, {}; milliseconds {} results, a batch; stages an image\n", info.engine, info.device,
             to_string(info.precision), conditions.from_files ? "from file to" : "from pixels to");
  fmt::print("{:<24} {:>5} {:>8} {:>8} {:>8} {:>10} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>10}\n", "model",
             "batch", "p50", "p90", "p99", "images/s", "decode", "prepare", "infer", "post", "start ms",
             "RSS MiB", "device MiB");
  for (const Measurement& m : measurements)
    fmt::print(
        "{:<24} {:>5} {:>8.2f} {:>8.2f} {:>8.2f} {:>10.1f} {:>8.2f} {:>8.2f} {:>8.2f} {:>8.2f} {:>9.0f} "
        "{:>9.0f} {:>10}\n",
        printable(m.model), m.batch, m.percentile(0.5), m.percentile(0.9), m.percentile(0.99),
        m.images_per_second(), m.stages.decode, m.stages.preprocess, m.stages.inference, m.stages.postprocess,
        m.start_up_ms, m.peak_mib, m.device_mib ? fmt::format("{:.0f}", *m.device_mib) : "-");
  for (const Measurement& m : measurements)
    if (!m.layers.empty()) print_layers(m);
}

std::string to_json(const std::vector<Measurement>& measurements, const BenchConditions& conditions) {
  Json json{{"peregrine", version},
            {"cores", std::thread::hardware_concurrency()},
            {"from", conditions.from_files ? "files" : "pixels"},
            {"rect", conditions.rect},
            {"runs", conditions.runs}};
  for (const Measurement& m : measurements) {
    Json entry{
        {"model", m.model},
        {"engine", m.info.engine},
        {"device", m.info.device},
        {"precision", to_string(m.info.precision)},
        {"batch", m.batch},
        {"latency_ms", {{"p50", m.percentile(0.5)}, {"p90", m.percentile(0.9)}, {"p99", m.percentile(0.99)}}},
        {"pictures_per_second", m.images_per_second()},
        {"stages_ms",
         {{"decode", m.stages.decode},
          {"preprocess", m.stages.preprocess},
          {"inference", m.stages.inference},
          {"postprocess", m.stages.postprocess}}},
        {"start_up_ms", m.start_up_ms},
        {"peak_rss_mib", m.peak_mib},
        {"objects", m.objects}};
    if (m.device_mib) entry["device_mib"] = *m.device_mib;
    for (const Layer& layer : m.layers) {
      entry["layers"].push_back({{"name", layer.name}, {"kind", layer.kind}, {"ms", layer.milliseconds}});
      if (layer.floor > 0) entry["layers"].back()["floor_ms"] = layer.floor;
    }
    json["measurements"].push_back(std::move(entry));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace peregrine::cli
