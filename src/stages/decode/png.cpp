// PNG by libpng, as OpenCV asks for it: 16 bits cut to their upper 8, palette and grey spread to BGR,
// alpha and transparency dropped without blending, gamma ignored.
#include <png.h>

#include <csetjmp>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "image/exif.h"
#include "stages/decode/input.h"
#include "stages/decode/orientation.h"

namespace peregrine::decode {
namespace {

/// libpng reports errors by a callback that must not return: it jumps back into attempt(), whose callers
/// hold no object with a destructor inside the jump's reach.
class PngReader {
 public:
  explicit PngReader(const Input& input) : input_(input) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, png_const_charp) {});
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (!info_) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  HostImage read() {
    attempt([](PngReader& reader) { reader.read_header(); });
    const std::int64_t width = png_get_image_width(png_, info_), height = png_get_image_height(png_, info_);
    input_.check_size(width, height);
    check_plausible(height);
    attempt([](PngReader& reader) { reader.ask_for_bgr(); });
    HostImage image = input_.allocate(width, height);
    std::vector<png_bytep> rows(static_cast<std::size_t>(height));
    for (std::size_t y = 0; y < rows.size(); ++y)
      rows[y] = image.pixels.data() + y * 3 * static_cast<std::size_t>(width);
    rows_ = rows.data();
    attempt([](PngReader& reader) {
      png_read_image(reader.png_, reader.rows_);
      png_read_end(reader.png_, reader.info_);  // the last checksum; EXIF may follow the pixels
    });
    if (is_animated()) input_.note_first_of_several();
    return apply_exif_orientation(std::move(image), orientation());
  }

 private:
  static void on_error(png_structp png, png_const_charp message) {
    auto& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
    std::strncpy(reader.message_, message, sizeof reader.message_ - 1);
    std::longjmp(reader.jump_, 1);
  }

  static void on_read(png_structp png, png_bytep to, std::size_t count) {
    auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > reader.input_.size() - reader.at_) {
      reader.end_reached_ = true;
      png_error(png, "end of file");
    }
    std::memcpy(to, reader.input_.data() + reader.at_, count);
    reader.at_ += count;
  }

  void attempt(void (*step)(PngReader&)) {
    if (setjmp(jump_) == 0) return step(*this);
    if (end_reached_) input_.fail_truncated();
    input_.fail_corrupt(message_);
  }

  void read_header() {
    png_set_read_fn(png_, this, on_read);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // ours is checked below, in our words
    png_read_info(png_, info_);
  }

  /// Deflate shrinks to no less than 1/1032: a short file that claims a huge image is refused before
  /// memory is spent on it.
  void check_plausible(std::int64_t height) const {
    const std::int64_t bytes = height * static_cast<std::int64_t>(png_get_rowbytes(png_, info_));
    if (png_get_interlace_type(png_, info_) == PNG_INTERLACE_NONE &&
        bytes / 1032 > static_cast<std::int64_t>(input_.size()))
      input_.fail_truncated();
  }

  void ask_for_bgr() {
    png_set_strip_16(png_);
    png_set_strip_alpha(png_);
    png_set_palette_to_rgb(png_);
    png_set_expand_gray_1_2_4_to_8(png_);
    png_set_gray_to_rgb(png_);
    png_set_bgr(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  }

  /// An animation's control chunk stands before the pixels; libpng does not know it.
  bool is_animated() const {
    const std::string_view file(reinterpret_cast<const char*>(input_.data()), input_.size());
    return file.substr(0, file.find("IDAT")).find("acTL") != file.npos;
  }

  int orientation() {
    png_uint_32 size = 0;
    png_bytep exif = nullptr;
    if (!png_get_eXIf_1(png_, info_, &size, &exif)) return 1;
    return exif_orientation({reinterpret_cast<const std::byte*>(exif), size});
  }

  const Input& input_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  png_bytepp rows_ = nullptr;
  std::size_t at_ = 0;
  bool end_reached_ = false;
  std::jmp_buf jump_{};
  char message_[128] = {};
};

}  // namespace

HostImage decode_png(const Input& input) { return PngReader(input).read(); }

}  // namespace peregrine::decode
