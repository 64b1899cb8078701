// JPEG by libjpeg-turbo with its slow exact DCT and fancy upsampling: OpenCV's pixels.
#include <csetjmp>
#include <cstdio>
// jpeglib.h needs <cstdio> before it.
#include <jpeglib.h>
// Message codes are part of libjpeg's interface for error managers.
#include <jerror.h>

#include <string>

#include "image/exif.h"
#include "stages/decode/input.h"
#include "stages/decode/orientation.h"

namespace peregrine::decode {
namespace {

/// Scans of a progressive file. Encoders write about ten; each costs a pass over all coefficients.
constexpr int max_scans = 500;

/// One decompression. libjpeg reports errors by a callback that must not return: it jumps back into
/// attempt(), whose callers hold no object with a destructor inside the jump's reach.
class JpegReader {
 public:
  explicit JpegReader(const Input& input) : input_(input) {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = [](j_common_ptr info) { self(info).fail(); };
    errors_.emit_message = [](j_common_ptr info, int level) {
      if (level < 0) self(info).warned();
    };
    info_.client_data = this;
  }
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  HostImage read() {
    attempt([](JpegReader& reader) { reader.open(); });
    input_.check_size(info_.image_width, info_.image_height);
    check_plausible();
    HostImage image = input_.allocate(info_.image_width, info_.image_height);
    const bool cmyk = info_.num_components == 4;
    std::vector<std::uint8_t> row(cmyk ? std::size_t{4} * info_.image_width : 0);
    info_.out_color_space = cmyk ? JCS_CMYK : JCS_EXT_BGR;
    pixels_ = image.pixels.data();
    cmyk_row_ = row.data();
    attempt([](JpegReader& reader) {
      reader.info_.out_color_space == JCS_CMYK ? reader.read_cmyk() : reader.read_bgr();
    });
    return image;
  }

 private:
  static JpegReader& self(j_common_ptr info) { return *static_cast<JpegReader*>(info->client_data); }
  static JpegReader& self(j_decompress_ptr info) { return *static_cast<JpegReader*>(info->client_data); }

  void attempt(void (*step)(JpegReader&)) {
    if (setjmp(jump_) == 0) return step(*this);
    if (end_reached_) input_.fail_truncated();
    char message[JMSG_LENGTH_MAX];
    errors_.format_message(reinterpret_cast<j_common_ptr>(&info_), message);
    std::string why = message;
    while (why.ends_with('.')) why.pop_back();
    const int code = errors_.msg_code;
    if (code == JERR_SOF_UNSUPPORTED || code == JERR_BAD_PRECISION || code == JERR_CONVERSION_NOTIMPL)
      input_.fail_unsupported(why);
    input_.fail_corrupt(why);
  }

  [[noreturn]] void fail() { std::longjmp(jump_, 1); }

  /// Warnings after which the pixels are still right; all others stand for invented ones.
  void warned() {
    switch (errors_.msg_code) {
      case JWRN_EXTRANEOUS_DATA:
      case JWRN_JFIF_MAJOR:
      case JWRN_ADOBE_XFORM:
      case JWRN_TOO_MUCH_DATA:
      case JWRN_JPEG_EOF: return;
      default: fail();
    }
  }

  void open() {
    jpeg_create_decompress(&info_);
    info_.client_data = this;
    source_.next_input_byte = input_.data();
    source_.bytes_in_buffer = input_.size();
    source_.init_source = [](j_decompress_ptr) {};
    source_.term_source = [](j_decompress_ptr) {};
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.fill_input_buffer = [](j_decompress_ptr info) -> boolean { return self(info).end_of_file(); };
    source_.skip_input_data = [](j_decompress_ptr info, long count) { self(info).skip(count); };
    info_.src = &source_;
    progress_.progress_monitor = [](j_common_ptr info) { self(info).check_scans(); };
    info_.progress = &progress_;
    jpeg_read_header(&info_, TRUE);
  }

  /// Feeds an end marker: a file whose pixels are complete but whose end marker is missing is whole. One
  /// whose entropy decoder then asks for more gets a warning, which is an error here. Files in several
  /// scans, and arithmetic coding, give no such warning: for them the end of file is the error.
  boolean end_of_file() {
    static constexpr JOCTET end_marker[] = {0xff, JPEG_EOI};
    end_reached_ = true;
    if (!started_ || info_.arith_code || jpeg_has_multiple_scans(&info_)) fail();
    source_.next_input_byte = end_marker;
    source_.bytes_in_buffer = sizeof end_marker;
    return TRUE;
  }

  void skip(long count) {
    if (count <= 0) return;
    if (static_cast<std::size_t>(count) > source_.bytes_in_buffer) {
      end_of_file();
      return;
    }
    source_.next_input_byte += count;
    source_.bytes_in_buffer -= static_cast<std::size_t>(count);
  }

  void check_scans() {
    if (info_.input_scan_number <= max_scans) return;
    errors_.msg_code = JERR_BAD_PROGRESSION;
    fail();
  }

  /// Huffman coding spends at least a bit on each 8x8 block: a short file that claims a huge image is
  /// refused before memory is spent on it.
  void check_plausible() const {
    const std::int64_t blocks =
        ((std::int64_t{info_.image_width} + 7) / 8) * ((std::int64_t{info_.image_height} + 7) / 8);
    if (!info_.arith_code && blocks / 8 > static_cast<std::int64_t>(input_.size())) input_.fail_truncated();
  }

  void read_bgr() {
    started_ = true;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW rows[1] = {pixels_ + std::size_t{3} * info_.image_width * info_.output_scanline};
      jpeg_read_scanlines(&info_, rows, 1);
    }
  }

  /// CMYK as Adobe stores it (inverted), converted as OpenCV does.
  void read_cmyk() {
    started_ = true;
    jpeg_start_decompress(&info_);
    std::uint8_t* bgr = pixels_;
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW rows[1] = {cmyk_row_};
      jpeg_read_scanlines(&info_, rows, 1);
      for (const std::uint8_t* cmyk = cmyk_row_; cmyk < cmyk_row_ + std::size_t{4} * info_.image_width;
           cmyk += 4, bgr += 3)
        for (int channel = 0; channel < 3; ++channel)
          bgr[channel] = static_cast<std::uint8_t>(cmyk[3] - ((255 - cmyk[2 - channel]) * cmyk[3] >> 8));
    }
  }

  const Input& input_;
  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_{};
  std::uint8_t* pixels_ = nullptr;
  std::uint8_t* cmyk_row_ = nullptr;
  bool started_ = false;
  bool end_reached_ = false;
};

}  // namespace

HostImage decode_jpeg(const Input& input) {
  return apply_exif_orientation(JpegReader(input).read(), jpeg_orientation(input.bytes));
}

}  // namespace peregrine::decode
