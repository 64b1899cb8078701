// The kernels against the host's postprocess, on generated heads.
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>

#include "core/half.h"
#include "generated_head.h"
#include "image/run_length.h"
#include "peregrine/error.h"
#include "stages/postprocess/cuda/postprocess.h"
#include "support/cuda_device.h"

namespace peregrine::postprocess {
namespace {

/// The heads of a batch on the device, beside the host's.
class DeviceBatch {
 public:
  DeviceBatch(ModelInfo model, std::vector<Geometry> geometries, int seed, test::Storage storage)
      : model_(std::move(model)),
        geometries_(std::move(geometries)),
        stream_(cuda::Stream::create()),
        host_(model_, geometries_.front(), seed, static_cast<int>(geometries_.size()), storage) {
    for (NamedTensor tensor : host_.tensors()) {
      const auto* bytes = tensor.view.as<std::byte>();
      buffers_.push_back(
          test::upload(std::vector<std::byte>(bytes, bytes + tensor.view.bytes()), stream_.get()));
      tensor.view.data = buffers_.back().data();
      tensor.view.device = Device::cuda(0);
      heads_.push_back(tensor);
    }
    device_geometries_ = test::upload(geometries_, stream_.get());
  }

  int images() const { return static_cast<int>(geometries_.size()); }
  const ModelInfo& model() const { return model_; }
  cudaStream_t stream() const { return stream_.get(); }
  std::span<const NamedTensor> heads() const { return heads_; }

  /// Runs the kernels on `count` images and keeps the record. Memory is poisoned first.
  void run(const Options& options, int count, std::size_t mask_capacity = 1 << 16) {
    const DevicePostprocess kernels(model_, heads_, options, mask_capacity);
    layout_ = kernels.layout();
    workspace_ = cuda::DeviceBuffer(kernels.workspace_bytes(), "workspace");
    record_ = cuda::PinnedBuffer(layout_.bytes, "record");
    cuda::fill(workspace_.data(), 0xee, workspace_.bytes(), stream());
    std::memset(record_.data(), 0xee, record_.bytes());
    kernels.enqueue(workspace_.data(), {device_geometries_.data()}, count, record_.data(), stream());
    cuda::check(cudaStreamSynchronize(stream()), "cudaStreamSynchronize");
  }

  const RecordLayout& layout() const { return layout_; }
  void* record() const { return record_.data(); }
  const void* device_record() const { return DevicePostprocess::device_record(workspace_.data()); }
  std::vector<Object> got(int n, const Options& options) const {
    return read_record(model_, layout_, record(), n, geometries_[n], options).objects;
  }
  std::vector<Object> expected(int n, const Options& options) const {
    return postprocess(model_, host_.tensors(), n, geometries_[n], options).objects;
  }

 private:
  ModelInfo model_;
  std::vector<Geometry> geometries_;
  cuda::Stream stream_;
  test::GeneratedHead host_;
  std::vector<cuda::DeviceBuffer> buffers_;
  std::vector<NamedTensor> heads_;
  cuda::DeviceBuffer device_geometries_, workspace_;
  cuda::PinnedBuffer record_;
  RecordLayout layout_;
};

/// Pixels in one mask and not in the other.
int difference(const RunLengthMask& a, const RunLengthMask& b) {
  const std::vector<std::uint8_t> x = decode_mask(a), y = decode_mask(b);
  int pixels = 0;
  for (std::size_t i = 0; i < x.size(); ++i) pixels += x[i] != y[i];
  return pixels;
}

void expect_same(const std::vector<Object>& got, const std::vector<Object>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(got[i].class_id, expected[i].class_id);
    EXPECT_NEAR(got[i].confidence, expected[i].confidence, 1e-6);
    for (int side = 0; side < 4; ++side) EXPECT_NEAR(got[i].box[side], expected[i].box[side], 1e-3);
    ASSERT_EQ(got[i].keypoints.size(), expected[i].keypoints.size());
    for (std::size_t k = 0; k < got[i].keypoints.size(); ++k) {
      EXPECT_NEAR(got[i].keypoints[k].x, expected[i].keypoints[k].x, 1e-3);
      EXPECT_NEAR(got[i].keypoints[k].y, expected[i].keypoints[k].y, 1e-3);
      EXPECT_NEAR(got[i].keypoints[k].confidence, expected[i].keypoints[k].confidence, 1e-6);
    }
    ASSERT_EQ(got[i].mask.has_value(), expected[i].mask.has_value());
    // A side that lies on a pixel's edge may round to either of two columns or rows.
    if (got[i].mask) {
      EXPECT_LE(difference(*got[i].mask, *expected[i].mask),
                std::max(got[i].mask->width, got[i].mask->height));
    }
  }
}

std::vector<Geometry> some_geometries() {
  return {test::centred_geometry(500, 375, 320, 256),   test::centred_geometry(333, 500, 320, 256),
          test::centred_geometry(1920, 1080, 320, 256), test::centred_geometry(320, 256, 320, 256),
          test::centred_geometry(40, 30, 320, 256),  // enlarged: the mask kernel's direct way
          test::centred_geometry(1, 1, 320, 256)};
}

class CudaPostprocess : public testing::TestWithParam<std::tuple<Task, HeadLayout, test::Storage>> {
 protected:
  void SetUp() override { PEREGRINE_NEED_CUDA_DEVICE(); }
  DeviceBatch batch(int seed) const {
    const auto& [task, layout, storage] = GetParam();
    return {test::generated_model(task, layout), some_geometries(), seed, storage};
  }
  void compare(DeviceBatch& batch, const Options& options, int count, std::size_t mask_capacity = 1 << 22) {
    batch.run(options, count, mask_capacity);
    for (int n = 0; n < count; ++n) {
      SCOPED_TRACE("image " + std::to_string(n));
      expect_same(batch.got(n, options), batch.expected(n, options));
    }
  }
};

TEST_P(CudaPostprocess, EqualsTheHost) {
  DeviceBatch b = batch(100);
  Options options;
  options.confidence = 0.9f;
  compare(b, options, b.images());
  options.max_detections = 7;
  compare(b, options, 2);
  options.confidence = 0.9999f;
  compare(b, options, b.images());
}

TEST_P(CudaPostprocess, EqualsTheHostInValidation) {
  DeviceBatch b = batch(200);
  Options options;
  options.confidence = 0.9f;
  options.multi_label = true;
  options.validation_masks = true;
  options.classes = {0, 2};
  compare(b, options, b.images());
}

TEST_P(CudaPostprocess, IsDeterministic) {
  DeviceBatch b = batch(300);
  Options options;
  options.confidence = 0.5f;
  std::vector<std::string> records;
  for (int i = 0; i < 3; ++i) {
    b.run(options, b.images(), 1 << 22);
    records.emplace_back(static_cast<const char*>(b.record()), b.layout().bytes);
  }
  EXPECT_EQ(records[0], records[1]);
  EXPECT_EQ(records[0], records[2]);
}

INSTANTIATE_TEST_SUITE_P(Heads, CudaPostprocess,
                         testing::Combine(testing::Values(Task::detect, Task::pose, Task::segment),
                                          testing::Values(HeadLayout::raw, HeadLayout::decoded),
                                          testing::Values(test::Storage{DType::f32, false},
                                                          test::Storage{DType::f16, true})),
                         [](const auto& info) {
                           return std::string(to_string(std::get<0>(info.param))) +
                                  (std::get<1>(info.param) == HeadLayout::raw ? "_raw_" : "_decoded_") +
                                  to_string(std::get<2>(info.param).dtype);
                         });

class CudaLimits : public testing::Test {
 protected:
  void SetUp() override { PEREGRINE_NEED_CUDA_DEVICE(); }
};

/// More candidates than one round of the suppression takes, and more than compete at all.
TEST_F(CudaLimits, ManyCandidatesEqualTheHost) {
  const Geometry large = test::centred_geometry(1280, 960, 1280, 1280);
  DeviceBatch b(test::generated_model(Task::detect, HeadLayout::raw), {large}, 400, {DType::f16, true});
  Options options;
  options.multi_label = true;
  options.confidence = 0;
  options.iou = 0.1f;
  for (const int limit : {300, 2000}) {
    options.max_detections = limit;
    b.run(options, 1);
    EXPECT_GT(b.layout().header(b.record(), 0)->candidates, max_candidates);
    expect_same(b.got(0, options), b.expected(0, options));
  }
  options.classes = {1};
  options.confidence = 0.97f;
  b.run(options, 1);
  expect_same(b.got(0, options), b.expected(0, options));
}

/// Eighty classes in vectors of 16 bytes, and 81 that cannot be read so.
TEST_F(CudaLimits, ManyClassesEqualTheHost) {
  for (const int classes : {80, 81, 300}) {
    ModelInfo model = test::generated_model(Task::detect, HeadLayout::raw);
    model.class_names.assign(classes, "thing");
    DeviceBatch b(model, {test::centred_geometry(640, 480, 160, 160)}, 500, {DType::f16, true});
    Options options;
    options.confidence = 0.97f;
    b.run(options, 1);
    expect_same(b.got(0, options), b.expected(0, options));
  }
}

TEST_F(CudaLimits, MasksThatDoNotFitAreReported) {
  DeviceBatch b(test::generated_model(Task::segment, HeadLayout::raw),
                {test::centred_geometry(640, 480, 320, 256)}, 600, {});
  Options options;
  options.confidence = 0.9f;
  b.run(options, 1, 100);
  EXPECT_FALSE(masks_fit(b.layout(), b.record(), 1));
  const std::size_t needed = b.layout().header(b.record(), 0)->mask_words;
  b.run(options, 1, needed);
  EXPECT_TRUE(masks_fit(b.layout(), b.record(), 1));
  expect_same(b.got(0, options), b.expected(0, options));
}

TEST_F(CudaLimits, AreNamed) {
  DeviceBatch b(test::generated_model(Task::detect, HeadLayout::raw),
                {test::centred_geometry(64, 64, 64, 64)}, 1, {});
  Options options;
  options.max_detections = 2001;
  EXPECT_THROW(DevicePostprocess(b.model(), b.heads(), options, 0), Error);
  EXPECT_THROW(b.run({}, 2), Error) << "more images than the heads hold";
}

/// Of one class and of two; and those of a second record behind those of the first.
TEST_F(CudaLimits, CropsAreGatheredInTheRecordsOrder) {
  const std::vector<int> one{1}, two{0, 1};
  std::vector<Geometry> geometries(40, test::centred_geometry(100, 70, 64, 64));
  DeviceBatch b(test::generated_model(Task::detect, HeadLayout::raw), geometries, 700, {});
  Options options;
  options.confidence = 0.6f;
  b.run(options, b.images());
  std::vector<Crop> expected;
  const auto expect = [&](const std::vector<int>& classes) {
    const std::size_t first = expected.size();
    for (int n = 0; n < b.images(); ++n) {
      const std::vector<int> places = crop_places(b.model(), b.layout(), b.record(), n, classes, options);
      const std::vector<Object> objects = b.got(n, options);
      for (std::size_t i = 0; i < objects.size(); ++i) {
        if (std::ranges::find(classes, objects[i].class_id) == classes.end()) continue;
        EXPECT_EQ(places[i], static_cast<int>(expected.size() - first));
        expected.push_back({{objects[i].box[0], objects[i].box[1], objects[i].box[2], objects[i].box[3]}, n});
      }
    }
    EXPECT_EQ(crop_count(b.layout(), b.record(), b.images(), classes),
              static_cast<int>(expected.size() - first));
  };
  expect(two);
  const std::size_t of_two = expected.size();
  expect(one);
  ASSERT_GT(expected.size() - of_two, 40u);
  ASSERT_GT(of_two, expected.size() - of_two) << "there are objects of both classes";
  const auto capacity = 2 * static_cast<std::size_t>(b.images()) * b.layout().max_objects;
  cuda::DeviceBuffer crops(capacity * sizeof(Crop), "crops"), count(sizeof(int), "count");
  cuda::fill(crops.data(), 0, crops.bytes(), b.stream());  // all of it is downloaded, and initcheck watches
  const int before = 12345;                                // is not counted on
  cuda::copy_to_device("test", count.data(), &before, sizeof before, b.stream());
  for (const CropList list : {CropList::begin, CropList::append})
    gather_crops(b.layout(), b.device_record(), b.images(), list == CropList::begin ? two : one, list,
                 reinterpret_cast<Crop*>(crops.data()), reinterpret_cast<int*>(count.data()), b.stream());
  ASSERT_EQ(test::download<int>(count, b.stream())[0], static_cast<int>(expected.size()));
  EXPECT_EQ(std::memcmp(test::download<Crop>(crops, b.stream()).data(), expected.data(),
                        expected.size() * sizeof(Crop)),
            0);
}

TEST_F(CudaLimits, EmbeddingsEqualTheHost) {
  constexpr int slots = 5, length = 512, first = 3;
  const cuda::Stream stream = cuda::Stream::create();
  std::vector<Half> features(slots * length);
  for (int i = 0; i < slots * length; ++i)
    features[i] = to_half(static_cast<float>((i * 7919) % 201 - 100) / 16);
  features[7] = to_half(INFINITY);
  std::fill_n(features.begin() + length, length, to_half(0.0f));
  const auto device = test::upload(features, stream.get());
  const auto place = test::upload(std::vector<int>{first + 4, first}, stream.get());
  const int* const count = reinterpret_cast<const int*>(place.data());
  cuda::DeviceBuffer out((first + slots) * length * sizeof(float), "embeddings");
  cuda::fill(out.data(), 0, out.bytes(), stream.get());
  const TensorView view{device.data(), DType::f16, Device::cuda(0), {slots, length}, {length, 1}};
  normalise_embeddings(view, count, count + 1, reinterpret_cast<float*>(out.data()), stream.get());
  const std::vector<float> got = test::download<float>(out, stream.get());
  for (int slot = 0; slot < slots; ++slot) {
    std::vector<float> expected(length, 0.0f);
    if (slot < 4) {
      for (int i = 0; i < length; ++i) expected[i] = to_float(features[slot * length + i]);
      normalise_embedding(expected);
    }
    for (int i = 0; i < length; ++i)
      ASSERT_NEAR(got[(first + slot) * length + i], expected[i], 1e-6) << slot << " " << i;
  }
}

}  // namespace
}  // namespace peregrine::postprocess
