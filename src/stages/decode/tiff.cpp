// TIFF and BigTIFF by libtiff: the first image of a file, by libtiff's own conversion to 8-bit RGBA, which
// OpenCV uses too (colours with an unassociated alpha are multiplied by it there); alpha is dropped.
// Orientations 5 to 8, which OpenCV fails on, are turned as the tag says.
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "core/text.h"
#include "image/exif.h"
#include "stages/decode/input.h"

namespace peregrine::decode {
namespace {

constexpr std::uint32_t dng_version_tag = 50706;
constexpr std::uint16_t colour_filter_array = 32803;

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

/// Whether the first directory and all that its entries point to lie in the file: libtiff goes on without a
/// palette or tables that lie beyond the end.
class DirectoryBounds {
 public:
  explicit DirectoryBounds(const Input& input)
      : input_(input), big_endian_(input.data()[0] == 'M'), wide_(number(2, 2) == 43) {}

  bool hold() const {
    const std::uint64_t directory = wide_ ? number(8, 8) : number(4, 4);
    const std::uint64_t count_bytes = wide_ ? 8 : 2, entry_bytes = wide_ ? 20 : 12,
                        offset_bytes = wide_ ? 8 : 4;
    if (!inside(directory, count_bytes)) return false;
    const std::uint64_t entries = number(directory, count_bytes), first = directory + count_bytes;
    if (entries > input_.size() / entry_bytes || !inside(first, entries * entry_bytes)) return false;
    for (std::uint64_t i = 0; i < entries; ++i) {
      const std::uint64_t entry = first + i * entry_bytes;
      const std::uint64_t size = size_of(number(entry + 2, 2)), count = number(entry + 4, offset_bytes);
      const std::uint64_t field = entry + 4 + offset_bytes;
      if (size == 0 || count <= offset_bytes / size) continue;
      if (count > input_.size() / size || !inside(number(field, offset_bytes), count * size)) return false;
    }
    return true;
  }

 private:
  bool inside(std::uint64_t at, std::uint64_t length) const {
    return at <= input_.size() && length <= input_.size() - at;
  }
  std::uint64_t number(std::uint64_t at, std::uint64_t length) const {
    if (!inside(at, length)) return UINT64_MAX;
    std::uint64_t value = 0;
    for (std::uint64_t i = 0; i < length; ++i)
      value = value << 8 | input_.data()[at + (big_endian_ ? i : length - 1 - i)];
    return value;
  }
  /// Of one value of a field's type; 0: unknown, which libtiff skips.
  static std::uint64_t size_of(std::uint64_t type) {
    constexpr std::array<std::uint8_t, 19> sizes = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};
    return type < sizes.size() ? sizes[type] : 0;
  }

  const Input& input_;
  bool big_endian_, wide_;
};

class TiffReader {
 public:
  explicit TiffReader(const Input& input) : input_(input) {
    if (!DirectoryBounds(input).hold()) input.fail_truncated();
    const std::unique_ptr<TIFFOpenOptions, CloseTiff> options(TIFFOpenOptionsAlloc());
    if (!options) throw std::bad_alloc();
    // Strips and tiles are bounded by the limit on pixels: 8 bytes a pixel and some room.
    const std::int64_t most =
        std::min(input.max_pixels, std::int64_t{1} << 40) * 8 + (std::int64_t{64} << 20);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), most);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), &TiffReader::on_message, this);
    TIFFOpenOptionsSetWarningHandlerExtR(
        options.get(), [](TIFF*, void*, const char*, const char*, va_list) { return 1; }, nullptr);
    tiff_.reset(TIFFClientOpenExt(
        "image", "r", this, on_read, on_write, on_seek, on_close, on_size, on_map,
        [](thandle_t, void*, toff_t) {}, options.get()));
    if (!tiff_) fail();
  }

  HostImage read() {
    refuse_raw();
    std::uint32_t width = 0, height = 0;
    if (!TIFFGetField(tiff_.get(), TIFFTAG_IMAGEWIDTH, &width) ||
        !TIFFGetField(tiff_.get(), TIFFTAG_IMAGELENGTH, &height))
      input_.fail_corrupt("it states no size");
    input_.check_size(width, height);
    bits_ = field16(TIFFTAG_BITSPERSAMPLE, 1);
    samples_ = field16(TIFFTAG_SAMPLESPERPIXEL, 1);
    check_length();
    HostImage image = input_.allocate(width, height);
    read_rgba(image);
    if (!TIFFLastDirectory(tiff_.get())) input_.note_first_of_several();
    const int orientation = field16(TIFFTAG_ORIENTATION, 1);
    return apply_exif_orientation(std::move(image), orientation <= 8 ? orientation : 1);
  }

 private:
  static int on_message(TIFF*, void* self, const char* module, const char* format, va_list arguments) {
    static_cast<void>(module);
    auto& reader = *static_cast<TiffReader*>(self);
    if (!reader.message_[0]) std::vsnprintf(reader.message_, sizeof reader.message_, format, arguments);
    return 1;
  }
  static TiffReader& of(thandle_t handle) { return *static_cast<TiffReader*>(handle); }
  static tmsize_t on_read(thandle_t handle, void* to, tmsize_t count) {
    TiffReader& reader = of(handle);
    const std::uint64_t size = reader.input_.size(), at = std::min(reader.at_, size);
    const std::uint64_t given = std::min(static_cast<std::uint64_t>(count), size - at);
    reader.end_reached_ |= given < static_cast<std::uint64_t>(count);
    std::memcpy(to, reader.input_.data() + at, given);
    reader.at_ = at + given;
    return static_cast<tmsize_t>(given);
  }
  static tmsize_t on_write(thandle_t, void*, tmsize_t) { return -1; }
  static toff_t on_seek(thandle_t handle, toff_t offset, int whence) {
    TiffReader& reader = of(handle);
    const std::uint64_t from = whence == SEEK_SET   ? 0
                               : whence == SEEK_CUR ? reader.at_
                                                    : reader.input_.size();
    return reader.at_ = from + offset;
  }
  static int on_close(thandle_t) { return 0; }
  /// libtiff only reads there.
  static int on_map(thandle_t handle, void** base, toff_t* size) {
    *base = const_cast<std::uint8_t*>(of(handle).input_.data());
    *size = of(handle).input_.size();
    return 1;
  }
  static toff_t on_size(thandle_t handle) { return of(handle).input_.size(); }

  [[noreturn]] void fail() const {
    if (end_reached_) input_.fail_truncated();
    input_.fail_corrupt(message_[0] ? "libtiff says: " + printable(message_) : "its TIFF data make no sense");
  }

  std::uint16_t field16(std::uint32_t tag, std::uint16_t otherwise) const {
    std::uint16_t value = otherwise;
    TIFFGetFieldDefaulted(tiff_.get(), tag, &value);
    return value;
  }

  /// Raw files of cameras are TIFFs whose first image may be a thumbnail.
  void refuse_raw() {
    std::uint16_t count = 0;
    const void* ignored = nullptr;
    if (TIFFGetField(tiff_.get(), dng_version_tag, &ignored))
      input_.fail_unsupported("DNG (raw) is not read");
    if (field16(TIFFTAG_PHOTOMETRIC, 0) == colour_filter_array)
      input_.fail_unsupported("raw camera data are not read");
    const std::uint64_t* offsets = nullptr;
    if (!TIFFGetField(tiff_.get(), TIFFTAG_SUBIFD, &count, &offsets) || count == 0) return;
    const std::vector<std::uint64_t> sub(offsets, offsets + count);
    bool raw = false;
    for (const std::uint64_t offset : sub)
      raw |=
          TIFFSetSubDirectory(tiff_.get(), offset) && field16(TIFFTAG_PHOTOMETRIC, 0) == colour_filter_array;
    if (raw) input_.fail_unsupported("raw camera data (NEF, ARW and the like) are not read");
    message_[0] = '\0';
    end_reached_ = false;
    if (!TIFFSetDirectory(tiff_.get(), 0)) fail();
  }

  /// Before memory is spent: every strip or tile lies in the file.
  void check_length() const {
    const bool tiled = TIFFIsTiled(tiff_.get()) != 0;
    const std::uint32_t blocks = tiled ? TIFFNumberOfTiles(tiff_.get()) : TIFFNumberOfStrips(tiff_.get());
    if (blocks == 0) input_.fail_corrupt("it holds no strips");
    for (std::uint32_t i = 0; i < blocks; ++i) {
      const std::uint64_t offset = TIFFGetStrileOffset(tiff_.get(), i),
                          count = TIFFGetStrileByteCount(tiff_.get(), i);
      if (offset > input_.size() || count > input_.size() - offset) input_.fail_truncated();
      if (count == 0 || offset == 0) input_.fail_corrupt("a strip or tile of it has no data");
    }
  }

  void read_rgba(HostImage& image) {
    char why[1024] = {};
    if (!TIFFRGBAImageOK(tiff_.get(), why)) input_.fail_unsupported("a TIFF of this kind (" + kind() + ")");
    TIFFRGBAImage rgba;
    if (!TIFFRGBAImageBegin(&rgba, tiff_.get(), 1, why))
      input_.fail_unsupported("a TIFF of this kind (" + kind() + ")");
    const std::unique_ptr<TIFFRGBAImage, decltype(&TIFFRGBAImageEnd)> end(&rgba, TIFFRGBAImageEnd);
    rgba.orientation = rgba.req_orientation = ORIENTATION_TOPLEFT;  // rows as they are stored
    const auto width = static_cast<std::uint32_t>(image.width),
               height = static_cast<std::uint32_t>(image.height);
    const std::uint32_t block = std::min(rows_of_block(), height);
    std::vector<std::uint32_t> pixels(std::size_t{width} * block);
    std::uint8_t* to = image.pixels.data();
    for (std::uint32_t row = 0; row < height; row += block) {
      const std::uint32_t rows = std::min(block, height - row);
      rgba.row_offset = static_cast<int>(row);
      if (!TIFFRGBAImageGet(&rgba, pixels.data(), width, rows)) fail();
      for (std::size_t i = 0; i < std::size_t{width} * rows; ++i, to += 3) {
        to[0] = static_cast<std::uint8_t>(TIFFGetB(pixels[i]));
        to[1] = static_cast<std::uint8_t>(TIFFGetG(pixels[i]));
        to[2] = static_cast<std::uint8_t>(TIFFGetR(pixels[i]));
      }
    }
  }

  std::uint32_t rows_of_block() const {
    std::uint32_t rows = 0;
    const bool stated = TIFFGetFieldDefaulted(
        tiff_.get(), TIFFIsTiled(tiff_.get()) ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP, &rows);
    return stated && rows > 0 ? rows : UINT32_MAX;
  }

  std::string kind() const {
    return std::to_string(samples_) + " samples of " + std::to_string(bits_) +
           " bits, photometric interpretation " + std::to_string(field16(TIFFTAG_PHOTOMETRIC, 0)) +
           ", compression " + std::to_string(field16(TIFFTAG_COMPRESSION, 1));
  }

  const Input& input_;
  std::uint64_t at_ = 0;
  bool end_reached_ = false;
  char message_[256] = {};
  std::uint16_t bits_ = 0, samples_ = 0;
  std::unique_ptr<TIFF, CloseTiff> tiff_;  // closed before what its callbacks use goes
};

}  // namespace

HostImage decode_tiff(const Input& input) { return TiffReader(input).read(); }

}  // namespace peregrine::decode
