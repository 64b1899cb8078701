// usage: migrate_example DETECTOR [STORE]     PEREGRINE_FORCE_GPU_ONLY=false lets it run without a GPU
#include <cstdio>

#include "peregrine/error.h"
#include "peregrine/migrate.h"

int main(int argc, char** argv) try {
  peregrine::Settings settings = peregrine::load_settings({}).settings;
  if (argc > 1) settings.detect_model = argv[1];
  if (argc > 2) settings.store = argv[2];
  peregrine::migrate::Options options;
  options.finished = [](const peregrine::migrate::StepResult& step) {
    std::printf("%-16s %-12s %s\n", step.name.c_str(), to_string(step.verdict), step.sentence.c_str());
  };
  const peregrine::migrate::Report report = peregrine::Migrator(settings, options).run();
  std::puts(report.verdict.c_str());
  return report.exit_status();
} catch (const peregrine::Error& error) {  // no models, another migration at work
  std::fprintf(stderr, "%s\n", error.what());
  return peregrine::exit_status(error.code());
}
