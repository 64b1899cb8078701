// Whose objects get embeddings: those of every model, as the same persons get them of one model alone.
#include <gtest/gtest.h>

#include "parity/parity.h"
#include "peregrine/pipeline.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

class Persons : public testing::Test {
 protected:
  std::vector<Object> objects(const std::vector<const char*>& models, std::vector<std::string> classes) {
    Settings settings = load_settings({}).settings;
    settings.store.clear();  // not the user's: engines are built anew
    settings.force_gpu_only = false;
    settings.imgsz = 320;
    PipelineOptions options;
    options.engine = "openvino";
    options.reid = demo_ / "demo-reid.pth";
    options.reid_classes = std::move(classes);
    for (const char* model : models) options.models.push_back(demo_ / model);
    Pipeline pipeline(settings, options);
    std::vector<Object> found;
    pipeline.run({(demo_ / "held-out" / "val2017" / "000003.jpg").string()},
                 [&](const FrameResult& frame_result) {
                   EXPECT_FALSE(frame_result.error);
                   if (frame_result.result) found = frame_result.result->objects;
                   return true;
                 });
    return found;
  }

  std::filesystem::path demo_ = test::repository_file("models/demo");
};

TEST_F(Persons, OfEveryModelGetTheEmbeddingsThatEachModelAloneGives) {
  const std::vector<const char*> models{"demo-detect.pt", "demo-pose.pt"};
  const std::vector<Object> together = objects(models, {"person"});
  for (int m = 0; m < 2; ++m) {
    const std::vector<Object> alone = objects({models[static_cast<std::size_t>(m)]}, {"person"});
    int persons = 0;
    auto expected = alone.begin();
    for (const Object& object : together) {
      if (object.model != m) continue;
      ASSERT_NE(expected, alone.end());
      ASSERT_EQ(object.class_id, expected->class_id);
      ASSERT_EQ(object.embedding.size(), expected->embedding.size());
      EXPECT_EQ(object.embedding.empty(), object.class_id != 0);
      if (!object.embedding.empty()) {
        EXPECT_GT(parity::cosine(object.embedding, expected->embedding), 0.99999f);
        ++persons;
      }
      ++expected;
    }
    EXPECT_EQ(expected, alone.end());
    EXPECT_GE(persons, 3) << models[static_cast<std::size_t>(m)];
  }
}

TEST_F(Persons, AreOfAllClassesThatAreAskedFor) {
  int embedded = 0, signs = 0;
  for (const Object& object : objects({"demo-detect.pt"}, {"person", "3"})) {
    EXPECT_EQ(!object.embedding.empty(), object.class_id == 0 || object.class_id == 3);
    embedded += !object.embedding.empty();
    signs += object.class_id == 3;
  }
  EXPECT_GE(signs, 2);
  EXPECT_GT(embedded, signs);
}

}  // namespace
}  // namespace peregrine
