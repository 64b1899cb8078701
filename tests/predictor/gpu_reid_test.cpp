// ReID rounds chosen on the device: every person's embedding is what that person gives alone, whatever the
// number of persons.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "cuda/graph.h"
#include "gpu_fixture.h"
#include "parity/parity.h"
#include "predictor/gpu/gpu_reid.h"
#include "stages/preprocess/letterbox.h"
#include "support/cuda_device.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;

constexpr int most_persons = 130;

/// Cosine of embeddings that are the same but for rounding: batches take other kernels than single persons.
float same(Precision precision) { return precision == Precision::fp16 ? 0.9999f : 0.99999f; }

/// Persons of the demo in device memory, each image at several places of the crop, and a ReID model that
/// embeds the first `count` of them.
class Crowd {
 public:
  explicit Crowd(Precision precision)
      : reid_(load_model(test::repository_file("models/demo/demo-reid.pth")), test::untuned_cuda(precision),
              most_persons) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(test::repository_file("models/demo/scenes/reid/query")))
      files.push_back(entry.path());
    std::ranges::sort(files);
    std::vector<preprocess::InputImage> images;
    for (const fs::path& file : files) {
      const HostImage image = test::read_image(file).pixels;
      memory_.push_back(test::upload(image.pixels, stream_.get()));
      images.push_back({reinterpret_cast<const std::uint8_t*>(memory_.back().data()), image.view().pitch,
                        image.order, preprocess::letterbox(image.width, image.height, 640, 640)});
    }
    for (int i = 0; i < most_persons; ++i) {
      const int image_index = i % static_cast<int>(images.size()),
                inset = i / static_cast<int>(images.size());
      const Geometry& g = images[static_cast<std::size_t>(image_index)].geometry;
      const auto from = static_cast<float>(2 * inset);
      crops_.push_back(
          {{from, from, static_cast<float>(g.image_width), static_cast<float>(g.image_height)}, image_index});
    }
    descriptors_ = test::upload(images, stream_.get());
    graph_ = cuda::Graph::capture(stream_.get(), [&] { reid_.capture(descriptors(), stream_.get()); });
  }

  enum class Chosen : std::uint8_t { on_the_device, by_the_host };
  /// Embeddings of `count` persons from the `first` on.
  std::vector<std::vector<float>> embed(int first, int count, Chosen chosen = Chosen::on_the_device) {
    if (count > 0)
      cuda::copy_to_device("test", reid_.crops(), crops_.data() + first,
                           sizeof(Crop) * static_cast<std::size_t>(count), stream_.get());
    cuda::copy_to_device("test", reid_.count(), &count, sizeof count, stream_.get());
    if (chosen == Chosen::on_the_device)
      graph_.launch(stream_.get());
    else
      reid_.run_crop_batches(descriptors(), stream_.get());
    stream_.synchronize();
    EXPECT_EQ(reid_.persons(), count);
    std::vector<std::vector<float>> embeddings;
    for (int i = 0; i < count; ++i) embeddings.push_back(reid_.embedding(i));
    return embeddings;
  }

  std::vector<std::vector<float>> each_alone() {
    std::vector<std::vector<float>> embeddings;
    for (int i = 0; i < most_persons; ++i) embeddings.push_back(embed(i, 1).front());
    return embeddings;
  }

 private:
  const preprocess::InputImage* descriptors() const {
    return reinterpret_cast<const preprocess::InputImage*>(descriptors_.data());
  }

  cuda::Stream stream_ = cuda::Stream::create();
  predictor::GpuReid reid_;
  std::vector<cuda::DeviceBuffer> memory_;
  std::vector<Crop> crops_;
  cuda::DeviceBuffer descriptors_;
  cuda::Graph graph_;
};

class GpuCropBatches : public testing::TestWithParam<Precision> {};

/// One graph, recorded once, for every number of persons, also when a larger number came before.
TEST_P(GpuCropBatches, EveryPersonOfACrowdGetsTheEmbeddingItHasAlone) {
  PEREGRINE_NEED_CUDA_DEVICE();
  Crowd crowd(GetParam());
  const auto alone = crowd.each_alone();
  ASSERT_LT(parity::cosine(alone[0], alone[1]), same(GetParam()))
      << "persons must be told apart for this test to mean anything";
  float worst = 1;
  for (const int count : {0, 1, 4, 5, 16, 17, 64, 65, 130, 2, 0, 63}) {
    SCOPED_TRACE(count);
    const auto together = crowd.embed(most_persons - count, count);
    for (std::size_t i = 0; i < together.size(); ++i) {
      const float cosine =
          parity::cosine(together[i], alone[static_cast<std::size_t>(most_persons - count) + i]);
      ASSERT_GT(cosine, same(GetParam())) << i;
      worst = std::min(worst, cosine);
    }
  }
  std::printf("%s: together and alone, worst cosine %.7f\n", to_string(GetParam()),
              static_cast<double>(worst));
}

TEST_P(GpuCropBatches, TheHostChoosesTheSameCropBatches) {
  PEREGRINE_NEED_CUDA_DEVICE();
  Crowd crowd(GetParam());
  for (const int count : {0, 1, 5, 17, 64, 65, 130}) {
    const auto on_the_device = crowd.embed(0, count);
    EXPECT_EQ(on_the_device, crowd.embed(0, count, Crowd::Chosen::by_the_host))
        << count << " persons, to the bit";
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, GpuCropBatches, testing::Values(Precision::fp16, Precision::fp32),
                         [](const auto& info) { return to_string(info.param); });

struct Embedded {
  std::vector<std::vector<float>> embeddings;
  std::size_t transferred = 0;  ///< bytes, as the transfer log says
};

Embedded embedded_in(const std::vector<ImageResult>& results) {
  Embedded found;
  for (const ImageResult& result : results) {
    for (const Object& object : result.objects)
      if (!object.embedding.empty()) found.embeddings.push_back(object.embedding);
    for (const auto& transfer : result.device_to_host)
      if (transfer.name == "embeddings") found.transferred += transfer.bytes;
  }
  return found;
}

/// The demo's detectors with its ReID model over some of its scenes.
class GpuReidBatches : public testing::Test {
 protected:
  struct Asked {
    std::vector<const char*> models;
    int batch = 1;
    std::vector<std::string> classes{"person"};
  };
  /// Of model `model`, or of all.
  Embedded embed(const Asked& asked, int model = -1) {
    if (images_.empty()) read_images();
    test::GpuRun run;
    run.reid = demo_ / "demo-reid.pth";
    run.precision = Precision::fp32;
    run.batch = asked.batch;
    run.reid_classes = asked.classes;
    for (const char* name : asked.models) run.models.push_back(demo_ / name);
    const auto runner = test::make_gpu_runner(run);
    auto results = test::run_images(*runner, asked.batch, images_, test::Hand::pixels);
    for (ImageResult& result : results)
      std::erase_if(result.objects,
                    [&](const Object& object) { return model >= 0 && object.model != model; });
    return embedded_in(results);
  }

  static void expect_same(const Embedded& got, const Embedded& expected) {
    ASSERT_EQ(got.embeddings.size(), expected.embeddings.size());
    for (std::size_t i = 0; i < got.embeddings.size(); ++i)
      EXPECT_GT(parity::cosine(got.embeddings[i], expected.embeddings[i]), same(Precision::fp32)) << i;
  }

 private:
  void read_images() {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(demo_ / "scenes" / "val2017"))
      files.push_back(entry.path());
    std::ranges::sort(files);
    for (const fs::path& file : files)
      if (images_.size() < 12) images_.push_back(test::read_image(file));
  }

  fs::path demo_ = test::repository_file("models/demo");
  std::vector<test::InputImage> images_;
};

/// Images that share a batch, and models side by side, the one without persons included: every person's
/// embedding is the one that its model and its image alone give, and all of them cross to the host.
TEST_F(GpuReidBatches, PersonsOfABatchAndOfModelsSideBySideGetTheirOwnEmbeddings) {
  PEREGRINE_NEED_CUDA_DEVICE();
  const std::vector<const char*> models{"demo-detect.pt", "demo-pose.pt", "demo-segment.pt"};
  std::vector<Embedded> alone;
  std::size_t bytes = 0;
  for (const char* model : models) {
    alone.push_back(embed({.models = {model}}));
    ASSERT_GT(alone.back().embeddings.size(), 4u) << model;
    bytes += alone.back().transferred;
  }
  EXPECT_EQ(alone[0].transferred,
            alone[0].embeddings.size() * alone[0].embeddings.front().size() * sizeof(float));
  for (const int batch : {1, 4, 12}) {
    SCOPED_TRACE(batch);
    EXPECT_EQ(embed({.models = models, .batch = batch}).transferred, bytes);
    for (int model = 0; model < 3; ++model) {
      SCOPED_TRACE(models[static_cast<std::size_t>(model)]);
      expect_same(embed({.models = models, .batch = batch}, model), alone[static_cast<std::size_t>(model)]);
    }
  }
}

/// Several classes of a model, and a class that one of two models has.
TEST_F(GpuReidBatches, AllClassesThatAreAskedForGetEmbeddings) {
  PEREGRINE_NEED_CUDA_DEVICE();
  const Embedded persons = embed({.models = {"demo-detect.pt"}});
  const Embedded more = embed({.models = {"demo-detect.pt"}, .batch = 4, .classes = {"person", "1"}});
  EXPECT_GT(more.embeddings.size(), persons.embeddings.size());
  const Embedded second = embed({.models = {"demo-detect.pt"}, .classes = {"1"}});
  EXPECT_EQ(more.embeddings.size(), persons.embeddings.size() + second.embeddings.size());
  expect_same(embed({.models = {"demo-pose.pt", "demo-detect.pt"}, .batch = 4, .classes = {"1"}}), second);
}

}  // namespace
}  // namespace peregrine
