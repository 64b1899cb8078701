// Pixels are compared with those of OpenCV, recorded by tools/fixtures/make_images.py.
#include "stages/decode/decode.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include "core/log.h"
#include "core/sha256.h"
#include "peregrine/error.h"
#include "stages/decode/orientation.h"
#include "support/test_data.h"

namespace peregrine::decode {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

Bytes read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return bytes_of(std::string(std::istreambuf_iterator<char>(file), {}));
}

fs::path data_folder() { return test::repository_file("tests/stages/decode/data"); }
Bytes fixture(const std::string& name) { return read(data_folder() / "pictures" / name); }

struct Expected {
  std::string name, digest;
  int width = 0, height = 0;
};

/// A build with PEREGRINE_FORMATS=OFF (make bundle) refuses these; there only the other formats are tested.
bool is_built(const fs::path& name) {
#if PEREGRINE_FORMATS
  static_cast<void>(name);
  return true;
#else
  const fs::path extension = name.extension();
  return extension != ".tif" && extension != ".gif" && extension != ".avif" && extension != ".jp2" &&
         extension != ".j2k";
#endif
}

std::vector<Expected> expectations(const std::string& list) {
  std::ifstream file(data_folder() / list);
  std::vector<Expected> all;
  for (Expected e; file >> e.name >> e.width >> e.height >> e.digest;)
    if (is_built(e.name)) all.push_back(e);
  EXPECT_FALSE(all.empty());
  return all;
}

void expect_same_pixels(const std::string& list, const fs::path& folder) {
  for (const Expected& expected : expectations(list)) {
    SCOPED_TRACE(expected.name);
    HostImage image;
    ASSERT_NO_THROW(image = decode_image(read(folder / expected.name), expected.name));
    EXPECT_EQ(image.width, expected.width);
    EXPECT_EQ(image.height, expected.height);
    EXPECT_EQ(image.order, PixelOrder::bgr);
    EXPECT_EQ(sha256_hex(std::as_bytes(std::span(image.pixels))), expected.digest);
  }
}

/// Code of the error that decoding gives, or "none".
std::string outcome(std::span<const std::byte> file, std::int64_t max_pixels = default_max_pixels) {
  try {
    decode_image(file, "street.jpg", max_pixels);
    return "none";
  } catch (const Error& error) {
    EXPECT_THAT(error.sentence(), testing::HasSubstr("street.jpg"));
    EXPECT_THAT(error.sentence(), testing::EndsWith("."));
    EXPECT_FALSE(error.hint().empty());
    return error.code();
  }
}

bool name_is_one_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

TEST(Decode, EveryKindAsOpenCV) { expect_same_pixels("expected.txt", data_folder() / "pictures"); }

TEST(Decode, RealImagesAsOpenCV) {
  PEREGRINE_NEED_SHARED_DATA(data);
  expect_same_pixels("shared.txt", data);
}

TEST(Decode, WhatIsNoImage) {
  EXPECT_EQ(outcome({}), "image.empty");
  EXPECT_EQ(outcome(bytes_of("P7 is a line of text")), "image.unknown");
  EXPECT_EQ(outcome(bytes_of("RIFF....AVI LIST")), "image.unsupported");
  EXPECT_EQ(outcome(bytes_of("\xff\xd8")), "image.truncated");
  EXPECT_EQ(outcome(bytes_of("\x89PNG")), "image.truncated");
}

/// The sentence that refuses a file, or "".
std::string refusal(std::span<const std::byte> file) {
  try {
    decode_image(file, "street.jpg");
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "image.unsupported");
    return error.sentence();
  }
}

#if PEREGRINE_FORMATS
TEST(Decode, WhatOpenCVRefusesOrReadsWrong) {
  expect_same_pixels("expected_beyond.txt", data_folder() / "beyond");
}
#else
TEST(Decode, FormatsThatThisBuildLacksAreRefusedByName) {
  EXPECT_THAT(refusal(fixture("plain.gif")), testing::HasSubstr("this build does not read GIF"));
  EXPECT_THAT(refusal(fixture("rgb_strips.tif")), testing::HasSubstr("this build does not read TIFF"));
}
#endif

TEST(Decode, OtherFormatsAreRefusedByName) {
  using namespace std::string_view_literals;
  const std::vector<std::pair<std::string_view, std::string>> formats = {
      {"\0\0\0\x18"
       "ftypheic\0\0\0\0mif1heic"sv,
       "HEIC"},
      {"\0\0\0\x14"
       "ftypmif1\0\0\0\0mif1"sv,
       "HEIC"},
      {"\0\0\0\x18"
       "ftypcrx \0\0\0\1crx isom"sv,
       "Canon raw (CR3)"},
      {"\0\0\0\x18"
       "ftypisom\0\0\2\0isomavc1"sv,
       "MP4 or QuickTime video"},
      {"\xff\x0a\xfa"sv, "JPEG XL"},
      {"\0\0\0\x0cJXL \r\n\x87\n"sv, "JPEG XL"},
      {"8BPS\0\1"sv, "Photoshop (PSD)"},
      {"\0\0\1\0\1\0\x10\x10"sv, "Windows icon (ICO)"},
      {"\x76\x2f\x31\x01\2"sv, "OpenEXR"},
      {"#?RADIANCE\n"sv, "Radiance HDR"},
      {"II*\0\x10\0\0\0CR\2\0"sv, "Canon raw (CR2)"},
      {"FUJIFILMCCD-RAW 0201"sv, "Fujifilm raw (RAF)"},
      {"<?xml version='1.0'?>\n<!-- a comment -->\n<svg xmlns='http://www.w3.org/2000/svg'/>"sv, "SVG"},
      {"\n<!DOCTYPE HTML><html>"sv, "HTML (a web page)"},
      {"%PDF-1.7"sv, "PDF"},
      {"\0\0\x0a\0pixels\0\0\0\0\0\0\0\0TRUEVISION-XFILE.\0"sv, "TGA"},
  };
  for (const auto& [head, name] : formats)
    EXPECT_EQ(refusal(bytes_of(head)), "street.jpg cannot be read: " + name + " is not read.");
}

#if PEREGRINE_FORMATS
TEST(Decode, VariantsThatAreNotReadSayWhatTheyAre) {
  const auto refused = [](const char* name) { return refusal(read(data_folder() / "refused" / name)); };
  EXPECT_THAT(refused("float_32.tif"), testing::HasSubstr("3 samples of 32 bits"));
  EXPECT_THAT(refused("float_64.tif"), testing::HasSubstr("3 samples of 64 bits"));
  EXPECT_THAT(refused("float_16.tif"), testing::HasSubstr("3 samples of 16 bits"));
  EXPECT_THAT(refused("unsigned_32.tif"), testing::HasSubstr("1 samples of 32 bits"));
  EXPECT_THAT(refused("cmyk_16.tif"), testing::HasSubstr("photometric interpretation 5"));
  EXPECT_THAT(refused("raw.dng"), testing::HasSubstr("DNG (raw) is not read"));
  EXPECT_THAT(refused("raw.nef"), testing::HasSubstr("raw camera data are not read"));
  EXPECT_THAT(refused("cmyk.jp2"), testing::HasSubstr("a CMYK JPEG 2000"));
}

TEST(Decode, AGifWhosePartsDoNotFit) {
  Bytes leaves = fixture("small_frame.gif");
  leaves[13 + 768 + 1] = std::byte{20};  // left edge of the frame, behind screen and palette
  EXPECT_EQ(outcome(leaves), "image.corrupt");
  Bytes nothing = fixture("small_frame.gif");
  nothing.resize(13 + 768);
  EXPECT_EQ(outcome(nothing), "image.truncated");
  nothing.push_back(std::byte{';'});
  EXPECT_EQ(outcome(nothing), "image.corrupt");
}

TEST(Decode, TheFirstOfSeveralIsReadAndTheLogSaysSo) {
  static std::vector<std::string> said;
  log::set_sink([](log::Level, std::string_view message) { said.emplace_back(message); });
  for (const char* name :
       {"animated.gif", "animated.avif", "animated_pages.tif", "animated.png", "animated.webp", "plain.gif"})
    decode_image(fixture(name), name);
  decode_image(fixture("rotated.avif"), "rotated.avif");
  log::set_sink({});
  EXPECT_THAT(said, testing::ElementsAre(testing::StartsWith("animated.gif holds several images"),
                                         testing::StartsWith("animated.avif holds several images"),
                                         testing::StartsWith("animated_pages.tif holds several images"),
                                         testing::StartsWith("animated.png holds several images"),
                                         testing::StartsWith("animated.webp holds several images"),
                                         testing::StartsWith("rotated.avif states a rotation")));
}

#endif

TEST(Decode, NoPartOfAImagePassesForTheWhole) {
  for (const Expected& expected : expectations("expected.txt")) {
    SCOPED_TRACE(expected.name);
    const Bytes file = fixture(expected.name);
    const bool jpeg = expected.name.ends_with(".jpg");
    const bool animated = expected.name.starts_with("animated.") || expected.name.starts_with("animated_");
    const bool text = expected.name.find("_text") != std::string::npos;  // a cut digit is another digit
    const bool run_lengths = expected.name.starts_with("runs_");         // the end mark may be missing
    const bool fax =
        name_is_one_of(expected.name, {"group3.tif", "group4.tif", "tiff_ccitt.tif"});  // their end marks
    const std::size_t end = file.size() - (jpeg ? 3 : text ? 6 : fax ? 12 : run_lengths ? 4 : 1);
    if (animated) continue;
    for (std::size_t i = 1; i <= 24; ++i) {
      const std::size_t length = std::max<std::size_t>(1, end * i / 24);
      const std::string code = outcome(std::span(file).first(length));
      EXPECT_TRUE(code == "image.truncated" || (length < 3 && code == "image.unknown"))
          << length << " of " << file.size() << ": " << code;
    }
  }
}

TEST(Decode, TruncatedProgressiveAndMultiScan) {
  for (const char* name : {"progressive.jpg", "grey_progressive.jpg"}) {
    const Bytes file = fixture(name);
    for (std::size_t length = 2; length + 2 < file.size(); ++length)
      ASSERT_EQ(outcome(std::span(file).first(length)), "image.truncated") << name << " " << length;
  }
}

TEST(Decode, TruncatedAnimationStillNeedsItsFirstFrame) {
  for (const char* name : {"animated.webp", "animated_lossy.webp"}) {
    const Bytes file = fixture(name);
    EXPECT_EQ(outcome(std::span(file).first(file.size() / 4)), "image.truncated") << name;
  }
}

TEST(Decode, DamagedChecksum) {
  Bytes file = fixture("filters.png");
  file[file.size() / 2] ^= std::byte{0x10};
  EXPECT_EQ(outcome(file), "image.corrupt");
}

TEST(Decode, DamagedBytesNeverEscape) {
  std::mt19937 random(1);
  for (const Expected& expected : expectations("expected.txt")) {
    SCOPED_TRACE(expected.name);
    const Bytes file = fixture(expected.name);
    for (int round = 0; round < 8; ++round) {
      Bytes damaged = file;
      for (int i = 0; i < 3; ++i) damaged[random() % damaged.size()] = static_cast<std::byte>(random());
      const std::string code = outcome(damaged, 1 << 20);
      EXPECT_TRUE(code == "none" || code.starts_with("image.")) << code;
    }
  }
}

/// Headers that claim a huge image: refused by the limit, and below it for want of data, without memory.
TEST(Decode, HugeClaims) {
  const Bytes png =
      bytes_of(std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x4e\x20\0\0\x4e\x20\x08\2\0\0\0\x6c\x12\xd1\x6e"
                           "\0\0\0\4IDAT\0\0\0\0\0\0\0\0",
                           49));
  const Bytes ppm = bytes_of("P6 20000 20000 255\n");
  Bytes jpeg = fixture("sampling_420.jpg");
  const Bytes frame = bytes_of(std::string("\xff\xc0\0\x11\x08", 5));
  const auto size = std::search(jpeg.begin(), jpeg.end(), frame.begin(), frame.end()) + 5;
  for (int i = 0; i < 4; i += 2) size[i] = std::byte{0x4e}, size[i + 1] = std::byte{0x20};
  Bytes bmp = fixture("bits_24.bmp");
  for (int at : {18, 22}) bmp[at] = std::byte{0x20}, bmp[at + 1] = std::byte{0x4e};
  for (const Bytes& file : {png, ppm, Bytes(jpeg), Bytes(bmp)}) {
    EXPECT_EQ(outcome(file), "image.too_large");
    EXPECT_EQ(outcome(file, 400'000'000), "image.truncated");
  }
#if PEREGRINE_FORMATS
  Bytes gif = fixture("small_frame.gif");
  for (std::size_t at : {6, 8}) gif[at] = std::byte{0x20}, gif[at + 1] = std::byte{0x4e};
  EXPECT_EQ(outcome(gif), "image.too_large");
  for (const char* name : {"rgb_strips.tif", "rgb_tiled.tif", "bigtiff.tif", "rgb.jp2", "codestream.j2k",
                           "plain.gif", "lossless.avif"}) {
    EXPECT_EQ(outcome(fixture(name), 21 * 13 - 1), "image.too_large") << name;
    EXPECT_EQ(outcome(fixture(name), 21 * 13), "none") << name;
  }
#endif
  EXPECT_EQ(outcome(fixture("one_pixel.png"), 1), "none");
  EXPECT_EQ(outcome(fixture("sampling_444.jpg"), 45 * 31 - 1), "image.too_large");
  EXPECT_EQ(outcome(fixture("lossy.webp"), 45 * 31 - 1), "image.too_large");
}

TEST(Decode, JpegOrientationWithoutDecoding) {
  for (int orientation = 1; orientation <= 8; ++orientation)
    EXPECT_EQ(jpeg_orientation(fixture("orientation_" + std::to_string(orientation) + ".jpg")), orientation);
  EXPECT_EQ(jpeg_orientation(fixture("orientation_after_xmp.jpg")), 8);
  EXPECT_EQ(jpeg_orientation(fixture("orientation_nine.jpg")), 1);
  EXPECT_EQ(jpeg_orientation({}), 1);
}

}  // namespace
}  // namespace peregrine::decode
