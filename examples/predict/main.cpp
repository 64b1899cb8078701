// usage: example MODEL PICTURE...     PEREGRINE_FORCE_GPU_ONLY=false lets it run without a GPU
#include <cstdio>

#include "peregrine/pipeline.h"

int main(int argc, char** argv) {
  const peregrine::Settings settings = peregrine::load_settings({}).settings;
  peregrine::Pipeline pipeline(settings, {.models = {argv[1]}});
  pipeline.run({argv + 2, argv + argc}, [&](const peregrine::FrameResult& outcome) {
    if (outcome.error) std::fprintf(stderr, "%s\n", outcome.error->what());
    if (outcome.result)
      for (const peregrine::Object& object : outcome.result->objects)
        std::printf("%s: %s %.2f\n", outcome.path.c_str(),
                    pipeline.models()[0].class_names[object.class_id].c_str(), object.confidence);
    return true;
  });
}
