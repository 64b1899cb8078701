#include "generated_osnet.h"

#include "generated.h"

namespace peregrine::test {

namespace {

class StateWriter {
 public:
  explicit StateWriter(OsnetVariant variant) : variant_(variant) {}

  std::vector<NamedTensor> write(const std::array<int, 4>& widths, int features) {
    int width = widths[0];
    conv("conv1", 3, width, 7, variant_ == OsnetVariant::plain);
    for (int stage = 2; stage <= 4; ++stage) {
      const int channels = widths[static_cast<std::size_t>(stage - 1)];
      const std::string name = "conv" + std::to_string(stage);
      for (int i = 0; i < 2; ++i, width = channels)
        block(name + "." + std::to_string(i), width, channels, normalised(stage, i));
      if (stage < 4)
        conv(variant_ == OsnetVariant::ain ? "pool" + std::to_string(stage) + ".0" : name + ".2.0", channels,
             channels, 1, true);
    }
    conv("conv5", width, width, 1, true);
    add("fc.0.weight", {features, width});
    add("fc.0.bias", {features});
    batch_norm("fc.1", features);
    add("classifier.weight", {3, features});
    add("classifier.bias", {3});
    return std::move(tensors_);
  }

 private:
  bool normalised(int stage, int block) const {
    if (variant_ == OsnetVariant::ibn) return stage == 2;
    return variant_ == OsnetVariant::ain && !(stage == 3 && block == 0) && !(stage == 4 && block == 1);
  }

  void add(const std::string& name, const std::vector<std::int32_t>& shape) {
    tensors_.push_back({name, shape, parameter(name, shape)});
  }

  void scale_and_shift(const std::string& name, int channels) {
    add(name + ".weight", {channels});
    add(name + ".bias", {channels});
  }

  void batch_norm(const std::string& name, int channels) {
    scale_and_shift(name, channels);
    add(name + ".running_mean", {channels});
    add(name + ".running_var", {channels});
    tensors_.push_back({name + ".num_batches_tracked", {}, {7}});
  }

  /// Normalised by batch, or else by instance.
  void conv(const std::string& name, int in, int out, int kernel, bool by_batch) {
    add(name + ".conv.weight", {out, in, kernel, kernel});
    by_batch ? batch_norm(name + ".bn", out) : scale_and_shift(name + ".bn", out);
  }

  void light_conv(const std::string& name, int channels) {
    add(name + ".conv1.weight", {channels, channels, 1, 1});
    add(name + ".conv2.weight", {channels, 1, 3, 3});
    batch_norm(name + ".bn", channels);
  }

  void block(const std::string& name, int in, int out, bool normalised) {
    const int inner = out / 4;
    const bool ain = variant_ == OsnetVariant::ain;
    conv(name + ".conv1", in, inner, 1, true);
    for (int depth = 1; depth <= 4; ++depth)
      for (int i = 0; i < depth; ++i) {
        const std::string index = std::to_string(i);
        if (ain)
          light_conv(name + ".conv2." + std::to_string(depth - 1) + ".layers." + index, inner);
        else
          light_conv(name + ".conv2" + "abcd"[depth - 1] + (depth > 1 ? "." + index : ""), inner);
      }
    const int gate = inner < 16 ? 2 : inner / 16;
    add(name + ".gate.fc1.weight", {gate, inner, 1, 1});
    add(name + ".gate.fc1.bias", {gate});
    add(name + ".gate.fc2.weight", {inner, gate, 1, 1});
    add(name + ".gate.fc2.bias", {inner});
    if (ain && normalised)
      add(name + ".conv3.conv.weight", {out, inner, 1, 1});
    else
      conv(name + ".conv3", inner, out, 1, true);
    if (in != out) conv(name + ".downsample", in, out, 1, true);
    if (normalised) scale_and_shift(name + ".IN", out);
  }

  OsnetVariant variant_;
  std::vector<NamedTensor> tensors_;
};

}  // namespace

std::vector<NamedTensor> generated_osnet(OsnetVariant variant, const std::array<int, 4>& widths,
                                         int features) {
  return StateWriter(variant).write(widths, features);
}

}  // namespace peregrine::test
