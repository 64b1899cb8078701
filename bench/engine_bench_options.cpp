#include "engine_bench_options.h"

#include <string>

#include "peregrine/error.h"

namespace peregrine::bench {

Options parse(int count, char** values) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string name = values[i];
    const auto value = [&]() -> std::string {
      if (i + 1 == count) throw Error("usage.option", name + " needs a value.");
      return values[++i];
    };
    if (name == "--batch") {
      options.batches.clear();
      const std::string list = value() + ",";
      for (std::size_t from = 0, to; (to = list.find(',', from)) != std::string::npos; from = to + 1)
        options.batches.push_back(std::stoi(list.substr(from, to - from)));
    } else if (name == "--precision") {
      options.precision = value() == "fp32" ? Precision::fp32 : Precision::fp16;
    } else if (name == "--golden") {
      options.golden = value();
    } else if (name == "--csv") {
      options.csv = value();
    } else if (name == "--shortlist") {
      options.shortlist = value();
    } else if (name == "--plans") {
      options.plans = value();
    } else if (name == "--json") {
      options.json = value();
    } else if (name == "--lanes") {
      options.streams = std::stoi(value());
    } else if (name == "--no-tune") {
      options.tune = false;
    } else if (name == "--dependent-launch") {
      options.dependent_launch = value() == "on";
    } else if (name == "--list") {
      options.list = true;
    } else if (name == "--size") {
      options.size = std::stoi(value());
    } else if (name == "--top") {
      options.top = static_cast<std::size_t>(std::stoi(value()));
    } else if (name.starts_with("--")) {
      throw Error("usage.option", "Unknown option " + name + ".");
    } else {
      options.models.emplace_back(name);
    }
  }
  return options;
}

}  // namespace peregrine::bench
