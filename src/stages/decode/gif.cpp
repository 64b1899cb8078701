// GIF by giflib: the first frame on its screen. As OpenCV has it, what the frame leaves free and what it
// holds transparent has the background colour of the global palette, black where there is none.
#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "stages/decode/input.h"

namespace peregrine::decode {
namespace {

struct CloseGif {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

class GifReader {
 public:
  explicit GifReader(const Input& input) : input_(input) {
    int error = 0;
    gif_.reset(DGifOpen(this, on_read, &error));
    if (!gif_) fail(error);
  }

  HostImage read() {
    input_.check_size(gif_->SWidth, gif_->SHeight);
    HostImage image;
    while (image.pixels.empty()) {
      switch (next_record()) {
        case IMAGE_DESC_RECORD_TYPE: image = read_frame(); break;
        case EXTENSION_RECORD_TYPE: read_extension(); break;
        default: input_.fail_corrupt("it holds no frame");
      }
    }
    // What follows is not read, but an end in mid-file would be none of a whole file.
    GifRecordType record = next_record();
    for (; record == EXTENSION_RECORD_TYPE; record = next_record()) read_extension();
    if (record == IMAGE_DESC_RECORD_TYPE) input_.note_first_of_several();
    return image;
  }

 private:
  static int on_read(GifFileType* gif, GifByteType* to, int count) {
    auto& reader = *static_cast<GifReader*>(gif->UserData);
    const std::size_t given = std::min(static_cast<std::size_t>(count), reader.input_.size() - reader.at_);
    reader.end_reached_ |= given < static_cast<std::size_t>(count);
    std::memcpy(to, reader.input_.data() + reader.at_, given);
    reader.at_ += given;
    return static_cast<int>(given);
  }

  [[noreturn]] void fail(int error) const {
    if (error == D_GIF_ERR_NOT_ENOUGH_MEM) throw std::bad_alloc();
    if (end_reached_) input_.fail_truncated();
    input_.fail_corrupt("its GIF data make no sense");
  }
  void check(int status) const {
    if (status == GIF_ERROR) fail(gif_->Error);
  }

  GifRecordType next_record() {
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    check(DGifGetRecordType(gif_.get(), &record));
    return record;
  }

  void read_extension() {
    int code = 0;
    GifByteType* block = nullptr;
    check(DGifGetExtension(gif_.get(), &code, &block));
    GraphicsControlBlock control;
    if (code == GRAPHICS_EXT_FUNC_CODE && block &&
        DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
      transparent_ = control.TransparentColor;
    while (block) check(DGifGetExtensionNext(gif_.get(), &block));
  }

  HostImage read_frame() {
    check(DGifGetImageDesc(gif_.get()));
    const GifImageDesc& frame = gif_->Image;
    const ColorMapObject* global = gif_->SColorMap;
    const ColorMapObject* palette = frame.ColorMap ? frame.ColorMap : global;
    if (frame.Width <= 0 || frame.Height <= 0 || frame.Left < 0 || frame.Top < 0 ||
        frame.Width > gif_->SWidth - frame.Left || frame.Height > gif_->SHeight - frame.Top)
      input_.fail_corrupt("its first frame leaves its screen");
    if (!palette) input_.fail_unsupported("a GIF without a palette");
    HostImage image = input_.allocate(gif_->SWidth, gif_->SHeight);
    if (global && gif_->SBackGroundColor < global->ColorCount)
      fill(image, global->Colors[gif_->SBackGroundColor]);
    std::vector<GifPixelType> row(static_cast<std::size_t>(frame.Width));
    const auto read_row = [&](int y) {
      check(DGifGetLine(gif_.get(), row.data(), frame.Width));
      put_row(image, frame, row, *palette, y);
    };
    if (!frame.Interlace) {
      for (int y = 0; y < frame.Height; ++y) read_row(y);
    } else {
      constexpr std::array<std::array<int, 2>, 4> passes = {{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
      for (const auto& [first, step] : passes)
        for (int y = first; y < frame.Height; y += step) read_row(y);
    }
    return image;
  }

  static void fill(HostImage& image, const GifColorType& colour) {
    for (std::size_t i = 0; i < image.pixels.size(); i += 3) put(image.pixels.data() + i, colour);
  }
  static void put(std::uint8_t* bgr, const GifColorType& colour) {
    bgr[0] = colour.Blue, bgr[1] = colour.Green, bgr[2] = colour.Red;
  }

  void put_row(HostImage& image, const GifImageDesc& frame, const std::vector<GifPixelType>& row,
               const ColorMapObject& palette, int y) const {
    std::uint8_t* to = image.pixels.data() +
                       (static_cast<std::size_t>(frame.Top + y) * static_cast<std::size_t>(image.width) +
                        static_cast<std::size_t>(frame.Left)) *
                           3;
    for (const GifPixelType index : row) {
      if (index != transparent_) {
        if (index >= palette.ColorCount) input_.fail_corrupt("a pixel's colour is not in the palette");
        put(to, palette.Colors[index]);
      }
      to += 3;
    }
  }

  const Input& input_;
  std::size_t at_ = 0;
  bool end_reached_ = false;
  int transparent_ = NO_TRANSPARENT_COLOR;
  std::unique_ptr<GifFileType, CloseGif> gif_;
};

}  // namespace

HostImage decode_gif(const Input& input) { return GifReader(input).read(); }

}  // namespace peregrine::decode
