// Compares a model's engine with its origin: speed, average precision, layers.
#pragma once

#include <string>
#include <vector>

#include "tools/migrate/migration.h"

namespace peregrine::migrate {

struct Comparison {
  SpeedComparison speed;
  PyTorchAccuracy pytorch;
  std::vector<PrecisionPair> average_precision;
  std::string average_precision_note;
  std::vector<LayerDeparture> layers;
};

/// Measures slot `index`. What cannot be measured is said in the notes. Throws "environment.python" where
/// PyTorch was asked for and cannot run, "validation.dataset" for data that cannot be used, and
/// "interrupted".
Comparison compare_slot(Migration& migration, std::size_t index);

/// Images as the FP32 reference and the engines see them, all detectors together.
std::vector<ImagePair> image_pairs(Migration& migration);

std::string to_json(const Comparison& comparison);
/// The inverse; throws nlohmann::json::exception for anything else.
Comparison parse_comparison(const std::string& text);

}  // namespace peregrine::migrate
