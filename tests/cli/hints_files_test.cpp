// Hints about images, videos and outputs, each followed to its result.
#include "cli/faults.h"
#include "hints.h"

namespace peregrine::test {
namespace {

namespace fs = std::filesystem;

class HintsOfFiles : public Hints {
 protected:
  Words predict(const std::string& source, const Words& more = {}) const {
    Words words{"predict", "--model", model_, "--imgsz", "64", "--unverified", "--source", source};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::string copy(const std::string& from, const std::string& name) const {
    fs::create_directories((folder_.path() / name).parent_path());
    fs::copy_file(from, folder_.path() / name);
    return file(name);
  }
  static std::string contents(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  std::string model_ = repository_file("tests/formats/data/tiny-area.pt").string();
};

TEST_F(HintsOfFiles, AboutSourcesLeadToImages) {
  copy(image_, "pictures/a.jpg");
  const std::string jpeg = contents(image_);
  follow(
      {{"Name a file, a folder of images, a glob or an address.", predict("none.jpg"),
        predict("pictures/a.jpg")},
       {"Name a file, a folder of images, a glob or an address.", predict("none.jpg"), predict("pictures")},
       {"Name a file, a folder of images, a glob or an address.", predict("none.jpg"),
        predict("pictures/*.jpg")},
       {"Check the pattern and the folder.", predict("pictures/*.png"), predict("pictures/*.jpg")},
       {"Copy or download it again.", predict(write("cut.jpg", jpeg.substr(0, jpeg.size() / 3))),
        predict("pictures/a.jpg")},
       {"Scale it down, or raise the limit (--max-pixels).", predict(image_, {"--max-pixels", "1000"}),
        predict(image_, {"--max-pixels", "100000000"})}});
}

TEST_F(HintsOfFiles, AboutContentsLeadToImagesAndModels) {
  copy(image_, "sets/one/a.jpg");
  write("notes/readme.txt", "none");
  const std::string text = write("text.jpg", "no image"), model = write("text.pt", "no model");
  const auto with = [&](const std::string& network) {
    return Words{"predict", "--model", network, "--imgsz", "64", "--unverified", "--source", image_};
  };
  follow(
      {{"Give it JPEG, PNG, TIFF, WebP, BMP, PNM, GIF, AVIF or JPEG 2000 files.", predict(text),
        predict("sets/one/a.jpg")},
       {"Images are told by their names there: .jpg, .png, .tif, .webp ...; sub-folders are not searched.",
        predict("notes"), predict("sets/one")},
       {"Name the files in them: end the pattern in /*.jpg, for example.", predict("sets/*"),
        predict("sets/*/*.jpg")},
       {"Give a .pt or .pth checkpoint of Ultralytics or OSNet, an .onnx file, or an .engine of Ultralytics.",
        with(model), with(model_)},
       {"Give a .pt, .pth or .onnx file.",
        {"export", "notes", "-o", "m.onnx"},
        {"export", model_, "-o", "m.onnx"}}});
}

TEST_F(HintsOfFiles, AboutOutputsLeadToFiles) {
  const std::string place = "Choose a place that can be written.";
  follow(
      {{place, predict(image_, {"--json", "/nonexistent/out.json"}), predict(image_, {"--json", "out.json"})},
       {place, {"export", model_, "-o", "/nonexistent/m.onnx"}, {"export", model_, "-o", "m.onnx"}},
       {"Free some space, or choose another place.", predict(image_, {"--json", "/dev/full"}),
        predict(image_, {"--json", "other.json"})},
       {"Choose a folder that you may write to with --save.", predict(image_, {"--save", "/proc/pictures"}),
        predict(image_, {"--save", "saved"})}});
}

}  // namespace
}  // namespace peregrine::test
