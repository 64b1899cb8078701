// Hints of `peregrine val`, each followed to scores.
#include "hints.h"

namespace peregrine::test {
namespace {

namespace fs = std::filesystem;

class HintsOfVal : public Hints {
 protected:
  static Words val(const std::string& model, const std::string& data) {
    return {"val", "--model", model, "--data", data};
  }
  /// One image of 4x4 with one object of class a.
  void write_data() const {
    write("data/annotations/instances_val2017.json",
          R"({"images": [{"id": 1, "file_name": "1.ppm", "width": 4, "height": 4}],
    "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], "annotations": [{"id": 1,
        "image_id": 1, "category_id": 1,
    "iscrowd": 0, "bbox": [0, 0, 2, 2], "area": 4, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]}]})");
  }
  void write_image(const std::string& name) const { write(name, "P6 4 4 255\n" + std::string(48, 'x')); }
};

TEST_F(HintsOfVal, LeadToScores) {
  Words score = val(repository_file("tests/formats/data/tiny-area.pt").string(), "data");
  score.insert(score.end(), {"--imgsz", "64"});
  expect_hint(refused(score), "--data names a folder with val2017/ and annotations/.");
  const std::string annotations = "data/annotations/instances_val2017.json";
  write(annotations, "[]");
  expect_hint(refused(score), "Give the files that COCO's tools read.");
  for (const std::string empty : {"[]", R"([{"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 1,
      "bbox": [0, 0, 2, 2], "area": 4}])"}) {
    write(annotations, R"({"images": [{"id": 1, "file_name": "1.ppm", "width": 4, "height": 4}],
        "categories": [{"id": 1, "name": "a"}], "annotations": )" + empty + "}");
    expect_hint(refused(score),
                "An object counts when its image and its category are listed and it is no crowd: annotate "
                "the images of val2017/.");
  }
  write(annotations, R"({"images": [], "categories": [{"id": 1, "name": "a"}], "annotations": []})");
  EXPECT_THAT(refused(score), testing::HasSubstr("lists no image: there is nothing to score"));
  write_data();
  expect_hint(refused(score), "Every annotated image is needed.");
  write_image("data/val2017/1.ppm");
  accepted(score);
}

TEST_F(HintsOfVal, AboutASizeLeadToScores) {
  const std::string checkpoint = repository_file("tests/formats/data/tiny-area.pt").string();
  for (const std::string size : {"64,96", "64"})
    accepted({"export", checkpoint, "-o", size + ".onnx", "--imgsz", size});
  write_data();
  write_image("data/val2017/1.ppm");
  expect_hint(
      refused(val("64,96.onnx", "data")),
      "Validation is defined for square inputs: validate the checkpoint, or export it with a square input.");
  accepted(val("64.onnx", "data"));
  Words of_checkpoint = val(checkpoint, "data");
  of_checkpoint.insert(of_checkpoint.end(), {"--imgsz", "64,96"});
  EXPECT_THAT(accepted(of_checkpoint), testing::HasSubstr("validation runs at 96"));
}

TEST_F(HintsOfVal, OfReidLeadToScores) {
  const Words score = val(demo("demo-reid.pth"), "persons");
  write_image("persons/query/first.ppm");
  write_image("persons/gallery/anna_2.ppm");
  expect_hint(refused(score), "Images in query/ and gallery/ are named IDENTITY_NUMBER.");
  fs::rename(file("persons/query/first.ppm"), file("persons/query/bert_1.ppm"));
  expect_hint(refused(score),
              "Images of one person begin with the same IDENTITY in query/ and gallery/: IDENTITY_NUMBER.");
  fs::rename(file("persons/query/bert_1.ppm"), file("persons/query/anna_1.ppm"));
  accepted(score);
}

}  // namespace
}  // namespace peregrine::test
