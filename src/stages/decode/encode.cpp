// Encoders for what draw() makes.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>
// jpeglib.h needs <cstdio> before it.
#include <jpeglib.h>

#include "core/os/output_file.h"
#include "core/text.h"
#include "peregrine/error.h"
#include "stages/decode/encode.h"

namespace peregrine::decode {
namespace {

constexpr int jpeg_quality = 92;

/// libjpeg reports errors by a callback that must not return; here the only ones are want of memory and a
/// image above JPEG's 65500 pixels a side.
struct JpegErrors : jpeg_error_mgr {
  std::jmp_buf jump;
};

/// False when libjpeg gave up. Holds nothing with a destructor, as jumps demand.
bool compress_jpeg(const HostImage& image, unsigned char** out, unsigned long* size) {
  JpegErrors errors;
  jpeg_compress_struct info{};
  info.err = jpeg_std_error(&errors);
  errors.error_exit = [](j_common_ptr failed) {
    std::longjmp(static_cast<JpegErrors*>(failed->err)->jump, 1);
  };
  errors.emit_message = [](j_common_ptr, int) {};
  if (setjmp(errors.jump) != 0) {
    jpeg_destroy_compress(&info);
    return false;
  }
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, out, size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = 3;
  info.in_color_space = image.order == PixelOrder::bgr ? JCS_EXT_BGR : JCS_EXT_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, jpeg_quality, TRUE);
  info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = 1;  // thin coloured lines stay sharp
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row =
        const_cast<JSAMPROW>(image.pixels.data() + std::size_t{3} * info.image_width * info.next_scanline);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  return true;
}

/// `subject` is how messages call the image.
std::vector<std::byte> jpeg_file(const HostImage& image, const std::string& subject) {
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  const bool done = compress_jpeg(image, &bytes, &size);
  const std::unique_ptr<unsigned char, decltype(&std::free)> owner(bytes, std::free);
  if (!done) throw Error("output.write", subject + " cannot be encoded as JPEG.", "Save it as .png.");
  const auto encoded = std::as_bytes(std::span(bytes, size));
  return {encoded.begin(), encoded.end()};
}

void save_png(const HostImage& image, const std::filesystem::path& path) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = image.order == PixelOrder::bgr ? PNG_FORMAT_BGR : PNG_FORMAT_RGB;
  header.flags = PNG_IMAGE_FLAG_FAST;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::vector<std::byte> bytes(size);
  const int done =
      png_image_write_to_memory(&header, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr);
  if (!done)
    throw Error("output.write",
                printable(path.native()) + " cannot be encoded as PNG: " + header.message + ".",
                "Scale it down.");
  write_file(path, std::span(bytes).first(size));
}

}  // namespace

std::vector<std::byte> encode_jpeg(const HostImage& image) { return jpeg_file(image, "The image"); }

void save_image(const HostImage& image, const std::filesystem::path& path) {
  std::string extension = path.extension().native();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (extension == ".jpg" || extension == ".jpeg")
    return write_file(path, jpeg_file(image, printable(path.native())));
  if (extension == ".png") return save_png(image, path);
  throw Error("output.write", printable(path.native()) + " has no known image format.",
              "Name it .jpg or .png.");
}

}  // namespace peregrine::decode
