// JPEG 2000 by OpenJPEG: JP2 files and raw codestreams. Deep samples are cut to their upper 8 bits, grey and
// sYCC become BGR, alpha is dropped, as OpenCV has it.
#include <openjpeg.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>

#include "core/text.h"
#include "stages/decode/boxes.h"
#include "stages/decode/input.h"

namespace peregrine::decode {
namespace {

// A codec is a void* to its header, and so is a stream: each has an owner of its own.
struct DestroyCodec {
  void operator()(opj_codec_t* codec) const { opj_destroy_codec(codec); }
};
struct DestroyStream {
  void operator()(opj_stream_t* stream) const { opj_stream_destroy(stream); }
};
struct DestroyJpeg2000Image {
  void operator()(opj_image_t* image) const { opj_image_destroy(image); }
};

class Jpeg2000Reader {
 public:
  explicit Jpeg2000Reader(const Input& input)
      : input_(input),
        codec_(opj_create_decompress(input.data()[0] == 0xff ? OPJ_CODEC_J2K : OPJ_CODEC_JP2)),
        stream_(opj_stream_create(std::size_t{1} << 16, OPJ_TRUE)) {
    if (!codec_ || !stream_) throw std::bad_alloc();
    opj_set_error_handler(codec_.get(), on_message, this);
    opj_stream_set_user_data(stream_.get(), this, nullptr);
    opj_stream_set_user_data_length(stream_.get(), input.size());
    opj_stream_set_read_function(stream_.get(), on_read);
    opj_stream_set_skip_function(stream_.get(), on_skip);
    opj_stream_set_seek_function(stream_.get(), on_seek);
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    if (!opj_setup_decoder(codec_.get(), &parameters)) throw std::bad_alloc();
    opj_decoder_set_strict_mode(codec_.get(), OPJ_TRUE);  // a cut codestream is an error
  }

  HostImage read() {
    opj_image_t* header = nullptr;
    const bool known = opj_read_header(stream_.get(), codec_.get(), &header);
    image_.reset(header);
    if (!known) fail();
    const std::int64_t width = std::int64_t{image_->x1} - image_->x0,
                       height = std::int64_t{image_->y1} - image_->y0;
    input_.check_size(width, height);
    check_components();
    if (!opj_decode(codec_.get(), stream_.get(), image_.get()) ||
        !opj_end_decompress(codec_.get(), stream_.get()))
      fail();
    if (image_->color_space == OPJ_CLRSPC_CMYK)
      input_.fail_unsupported("a CMYK JPEG 2000");  // known after decoding alone
    if (image_->color_space == OPJ_CLRSPC_EYCC) input_.fail_unsupported("an e-YCC JPEG 2000");
    check_components();  // a palette has made others of them
    HostImage image = input_.allocate(width, height);
    for (std::uint32_t i = 0; i < image_->numcomps; ++i)
      if (!image_->comps[i].data || image_->comps[i].w != width || image_->comps[i].h != height)
        input_.fail_corrupt("a component lacks its samples");
    convert(image);
    return image;
  }

 private:
  static void on_message(const char* message, void* self) {
    auto& reader = *static_cast<Jpeg2000Reader*>(self);
    if (!reader.message_.empty()) return;
    reader.message_ = message;
    while (reader.message_.ends_with('\n')) reader.message_.pop_back();
  }
  static OPJ_SIZE_T on_read(void* to, OPJ_SIZE_T count, void* self) {
    auto& reader = *static_cast<Jpeg2000Reader*>(self);
    const std::size_t given = std::min(count, reader.input_.size() - reader.at_);
    reader.end_reached_ |= given == 0;
    std::memcpy(to, reader.input_.data() + reader.at_, given);
    reader.at_ += given;
    return given == 0 ? static_cast<OPJ_SIZE_T>(-1) : given;
  }
  static OPJ_OFF_T on_skip(OPJ_OFF_T count, void* self) {
    auto& reader = *static_cast<Jpeg2000Reader*>(self);
    const auto left = static_cast<OPJ_OFF_T>(reader.input_.size() - reader.at_);
    if (count < 0) return -1;
    reader.end_reached_ |= count > left;
    reader.at_ += static_cast<std::size_t>(std::min(count, left));
    return std::min(count, left);
  }
  static OPJ_BOOL on_seek(OPJ_OFF_T to, void* self) {
    auto& reader = *static_cast<Jpeg2000Reader*>(self);
    if (to < 0 || static_cast<std::size_t>(to) > reader.input_.size()) return OPJ_FALSE;
    reader.at_ = static_cast<std::size_t>(to);
    return OPJ_TRUE;
  }

  [[noreturn]] void fail() const {
    if (end_reached_ || is_cut()) input_.fail_truncated();
    input_.fail_corrupt(message_.empty() ? "its JPEG 2000 data make no sense"
                                         : "OpenJPEG says: " + printable(message_));
  }

  bool is_cut() const {
    const std::uint8_t* end = input_.data() + input_.size();
    const bool codestream = input_.data()[0] == 0xff;
    return codestream ? input_.size() < 2 || end[-2] != 0xff || end[-1] != 0xd9 : ends_within_a_box(input_);
  }

  void check_components() const {
    const std::uint32_t count = image_->numcomps;
    if (count < 1 || count > 4)
      input_.fail_unsupported("a JPEG 2000 of " + std::to_string(count) + " components");
    for (std::uint32_t i = 0; i < count; ++i) {
      const opj_image_comp_t& component = image_->comps[i];
      if (component.dx != 1 || component.dy != 1)
        input_.fail_unsupported("a JPEG 2000 with subsampled components");
      if (component.prec < 1 || component.prec > 16 || component.sgnd)
        input_.fail_unsupported("a JPEG 2000 of " + std::to_string(component.prec) +
                                (component.sgnd ? " signed" : "") + " bits");
    }
  }

  std::uint8_t sample(std::size_t component, std::size_t i) const {
    const opj_image_comp_t& from = image_->comps[component];
    const int value = std::clamp(from.data[i], 0, (1 << from.prec) - 1);
    return static_cast<std::uint8_t>(from.prec > 8 ? value >> (from.prec - 8) : value);
  }

  void convert(HostImage& image) const {
    const bool grey = image_->numcomps < 3, ycc = image_->color_space == OPJ_CLRSPC_SYCC;
    std::uint8_t* to = image.pixels.data();
    for (std::size_t i = 0; i < image.pixels.size() / 3; ++i, to += 3) {
      if (grey)
        to[0] = to[1] = to[2] = sample(0, i);
      else if (ycc)
        put_yuv(to, sample(0, i), sample(1, i) - 128, sample(2, i) - 128);
      else
        for (std::size_t channel = 0; channel < 3; ++channel) to[2 - channel] = sample(channel, i);
    }
  }

  /// OpenCV takes sYCC for YUV: these are its coefficients, 14 bits after the point, rounded half up.
  static void put_yuv(std::uint8_t* bgr, int y, int u, int v) {
    constexpr int shift = 14, half = 1 << (shift - 1);
    const auto cut = [&](int value) {
      return static_cast<std::uint8_t>(std::clamp(y + ((value + half) >> shift), 0, 255));
    };
    bgr[0] = cut(33292 * u);
    bgr[1] = cut(-6472 * u - 9519 * v);
    bgr[2] = cut(18678 * v);
  }

  const Input& input_;
  std::size_t at_ = 0;
  bool end_reached_ = false;
  std::string message_;
  std::unique_ptr<opj_codec_t, DestroyCodec> codec_;
  std::unique_ptr<opj_stream_t, DestroyStream> stream_;
  std::unique_ptr<opj_image_t, DestroyJpeg2000Image> image_;
};

}  // namespace

HostImage decode_jpeg2000(const Input& input) { return Jpeg2000Reader(input).read(); }

}  // namespace peregrine::decode
