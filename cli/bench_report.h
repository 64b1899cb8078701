// Prints the measurements of `bench` as a table and as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "peregrine/pipeline.h"

namespace peregrine::cli {

struct Layer {
  std::string name, kind;
  double milliseconds = 0;
  double floor = 0;  ///< milliseconds that bytes or arithmetic need on an H100; 0: not known
};

/// One model at one batch.
struct Measurement {
  std::string model;
  int batch = 1;
  double start_up_ms = 0;  ///< from the model's file, its engine in the store, to the first result
  double peak_mib = 0;
  std::optional<double> device_mib;
  RunInfo info;
  std::vector<double> latencies;  ///< milliseconds a batch, rising
  StageTimes stages;              ///< means, milliseconds an image
  std::size_t objects = 0;        ///< of one run: different numbers mean different work
  std::vector<Layer> layers;      ///< of the engine, milliseconds a run

  double percentile(double share) const;
  double images_per_second() const;
};

/// How all of them were measured.
struct BenchConditions {
  bool from_files = false;  ///< else the images were decoded before
  bool rect = false;
  int runs = 0;
};

/// To standard output, each measurement's layers below, the most expensive first. At least one measurement.
void print_table(const std::vector<Measurement>& measurements, const BenchConditions& conditions);
std::string to_json(const std::vector<Measurement>& measurements, const BenchConditions& conditions);

}  // namespace peregrine::cli
