#include "predictor/gpu/gpu_person_embedder.h"

#include "cuda/array.h"
#include "cuda/device.h"
#include "predictor/gpu/device_image_pool.h"
#include "predictor/gpu/gpu_reid.h"
#include "stages/preprocess/letterbox.h"

namespace peregrine::predictor {

namespace {

class GpuPersonEmbedder final : public PersonEmbedder {
 public:
  GpuPersonEmbedder(const Model& model, const engine_cache::EngineContext& context, const Settings& settings,
                    int most)
      : policy_(settings.force_gpu_only, context.device, cuda::place_of),
        device_(context.device.index),
        precision_(context.precision),
        frames_(most, policy_, decoder_),
        reid_(model, context, most),
        images_(static_cast<std::size_t>(most), "image descriptors"),
        staged_images_(images_.size(), "image descriptors"),
        staged_crops_(images_.size(), "person boxes"),
        staged_count_(1, "person count") {
    reid_.check_bindings(policy_);
  }

  Precision precision() const override { return precision_; }

  std::vector<std::vector<float>> run(std::span<const ImageView> persons) override {
    const cuda::DeviceScope scope(policy_.expected().index);
    std::vector<Frame> frames;
    for (const ImageView& person : persons) frames.push_back({"", {}, person});
    const auto loaded = frames_.load(frames, false, most_pixels, stream_.get());
    const ModelInfo& model = reid_.model();
    for (std::size_t i = 0; i < loaded.size(); ++i) {
      if (loaded[i].error) throw Error(*loaded[i].error);
      const ImageView& view = loaded[i].view;
      staged_images_[i] = {
          view.data, view.pitch, view.order,
          preprocess::letterbox(view.width, view.height, model.image_width, model.image_height)};
      staged_crops_[i] = {{0, 0, static_cast<float>(view.width), static_cast<float>(view.height)},
                          static_cast<int>(i)};  // all of the image is wanted
    }
    cuda::copy_to_device("image descriptors", images_, staged_images_.first(loaded.size()), stream_.get());
    cuda::copy_to_device("person boxes", reid_.crops(), staged_crops_.data(), sizeof(Crop) * loaded.size(),
                         stream_.get());
    staged_count_[0] = static_cast<int>(loaded.size());
    cuda::copy_to_device("person count", reid_.count(), staged_count_.data(), sizeof(int), stream_.get());
    reid_.run_crop_batches(images_.data(), stream_.get());
    stream_.synchronize();
    std::vector<std::vector<float>> embeddings;
    for (std::size_t i = 0; i < loaded.size(); ++i)
      embeddings.push_back(reid_.embedding(static_cast<int>(i)));
    return embeddings;
  }

 private:
  static constexpr std::int64_t most_pixels = std::int64_t{1}
                                              << 28;  ///< they are decoded: no file can ask for more

  GpuPolicy policy_;
  cuda::DeviceScope device_;
  Precision precision_;
  cuda::Stream stream_ = cuda::Stream::create();
  std::optional<decode::JpegDecoder> decoder_;
  DeviceImagePool frames_;
  GpuReid reid_;
  cuda::DeviceArray<preprocess::InputImage> images_;
  cuda::PinnedArray<preprocess::InputImage> staged_images_;
  cuda::PinnedArray<Crop> staged_crops_;
  cuda::PinnedArray<int> staged_count_;
};

}  // namespace

std::unique_ptr<PersonEmbedder> make_gpu_person_embedder(const Model& model,
                                                         const engine_cache::EngineContext& context,
                                                         const Settings& settings, int most_persons) {
  return std::make_unique<GpuPersonEmbedder>(model, context, settings, most_persons);
}

}  // namespace peregrine::predictor
