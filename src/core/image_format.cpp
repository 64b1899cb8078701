#include "core/image_format.h"

#include <algorithm>
#include <array>

namespace peregrine {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::string_view bytes;
  FormatName is;
};

// Longer signatures of one beginning come first: CR2 and its like begin as a TIFF does.
constexpr std::array signatures = {
    Signature{"\xff\xd8\xff"sv, {ImageFormat::jpeg, "JPEG"}},
    Signature{"\x89PNG\r\n\x1a\n"sv, {ImageFormat::png, "PNG"}},
    Signature{"II*\0\x10\0\0\0CR"sv, {ImageFormat::refused, "Canon raw (CR2)"}},
    Signature{"II*\0"sv, {ImageFormat::tiff, "TIFF"}},
    Signature{"MM\0*"sv, {ImageFormat::tiff, "TIFF"}},
    Signature{"II+\0\x08\0\0\0"sv, {ImageFormat::tiff, "BigTIFF"}},
    Signature{"MM\0+\0\x08\0\0"sv, {ImageFormat::tiff, "BigTIFF"}},
    Signature{"GIF87a"sv, {ImageFormat::gif, "GIF"}},
    Signature{"GIF89a"sv, {ImageFormat::gif, "GIF"}},
    Signature{"\0\0\0\x0cjP  \r\n\x87\n"sv, {ImageFormat::jpeg2000, "JPEG 2000"}},
    Signature{"\xff\x4f\xff\x51"sv, {ImageFormat::jpeg2000, "JPEG 2000 codestream"}},
    Signature{"\0\0\0\x0cJXL \r\n\x87\n"sv, {ImageFormat::refused, "JPEG XL"}},
    Signature{"\xff\x0a"sv, {ImageFormat::refused, "JPEG XL"}},
    Signature{"8BPS"sv, {ImageFormat::refused, "Photoshop (PSD)"}},
    Signature{"\0\0\1\0"sv, {ImageFormat::refused, "Windows icon (ICO)"}},
    Signature{"\0\0\2\0"sv, {ImageFormat::refused, "Windows cursor or TGA"}},
    Signature{"\x76\x2f\x31\x01"sv, {ImageFormat::refused, "OpenEXR"}},
    Signature{"#?RADIANCE"sv, {ImageFormat::refused, "Radiance HDR"}},
    Signature{"#?RGBE"sv, {ImageFormat::refused, "Radiance HDR"}},
    Signature{"P7\n"sv, {ImageFormat::refused, "PAM"}},
    Signature{"PF\n"sv, {ImageFormat::refused, "PFM"}},
    Signature{"Pf\n"sv, {ImageFormat::refused, "PFM"}},
    Signature{"\x59\xa6\x6a\x95"sv, {ImageFormat::refused, "Sun raster"}},
    Signature{"DDS "sv, {ImageFormat::refused, "DDS"}},
    Signature{"qoif"sv, {ImageFormat::refused, "QOI"}},
    Signature{"gimp xcf"sv, {ImageFormat::refused, "GIMP (XCF)"}},
    Signature{"II\xbc"sv, {ImageFormat::refused, "JPEG XR"}},
    Signature{"FUJIFILMCCD-RAW"sv, {ImageFormat::refused, "Fujifilm raw (RAF)"}},
    Signature{"IIRO"sv, {ImageFormat::refused, "Olympus raw (ORF)"}},
    Signature{"IIRS"sv, {ImageFormat::refused, "Olympus raw (ORF)"}},
    Signature{"MMOR"sv, {ImageFormat::refused, "Olympus raw (ORF)"}},
    Signature{"IIU\0"sv, {ImageFormat::refused, "Panasonic raw (RW2)"}},
    Signature{"II\x1a\0\0\0HEAPCCDR"sv, {ImageFormat::refused, "Canon raw (CRW)"}},
    Signature{"%PDF-"sv, {ImageFormat::refused, "PDF"}},
    Signature{"\x1a\x45\xdf\xa3"sv, {ImageFormat::refused, "Matroska or WebM video"}},
};

/// What the brands of an ISO media file ("ftyp") say: the major one, then the compatible ones.
FormatName iso_media(std::string_view head) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(head[at]); };
  const std::size_t stated = std::size_t{byte(0)} << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
  const std::string_view box = head.substr(0, stated);
  const auto has = [&](std::string_view brand) {
    for (std::size_t at = 8; at + 4 <= box.size(); at += at == 8 ? 8 : 4)
      if (box.substr(at, 4) == brand) return true;
    return false;
  };
  if (has("avif") || has("avis")) return {ImageFormat::avif, "AVIF"};
  constexpr std::array heic = {"heic"sv, "heix"sv, "hevc"sv, "hevx"sv,
                               "heim"sv, "heis"sv, "mif1"sv, "msf1"sv};
  if (std::any_of(heic.begin(), heic.end(), has)) return {ImageFormat::refused, "HEIC"};
  if (has("crx ")) return {ImageFormat::refused, "Canon raw (CR3)"};
  return {ImageFormat::refused, "MP4 or QuickTime video"};
}

bool begins_without_case(std::string_view text, std::string_view lower) {
  const auto same = [](char small, char c) {
    return c == small || (c >= 'A' && c <= 'Z' && c + ('a' - 'A') == small);
  };
  return text.size() >= lower.size() && std::equal(lower.begin(), lower.end(), text.begin(), same);
}

FormatName markup(std::string_view head) {
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
  if (begins_without_case(head, "<svg") || (head.starts_with("<?xml") && head.find("<svg") != head.npos))
    return {ImageFormat::refused, "SVG"};
  if (begins_without_case(head, "<!doctype html") || begins_without_case(head, "<html"))
    return {ImageFormat::refused, "HTML (a web page)"};
  return {};
}

}  // namespace

FormatName image_format(std::string_view head) {
  for (const Signature& signature : signatures)
    if (head.starts_with(signature.bytes)) return signature.is;
  if (head.size() >= 12 && head.substr(4, 4) == "ftyp") return iso_media(head);
  if (head.starts_with("BM")) return {ImageFormat::bmp, "BMP"};
  if (head.starts_with("RIFF") && head.substr(0, 12).ends_with("WEBP")) return {ImageFormat::webp, "WebP"};
  if (head.starts_with("RIFF") && head.substr(0, 12).ends_with("AVI "))
    return {ImageFormat::refused, "AVI video"};
  if (head.size() > 2 && head[0] == 'P' && head[1] >= '1' && head[1] <= '6' &&
      " \t\r\n#"sv.find(head[2]) != head.npos)
    return {ImageFormat::pnm, "PNM"};
  if (head.size() > 132 && head.substr(128, 4) == "DICM") return {ImageFormat::refused, "DICOM"};
  return markup(head);
}

bool is_image(std::string_view head) {
  const ImageFormat format = image_format(head).format;
  if (format == ImageFormat::bmp)  // the rest of a header's size is zeros
    return head.size() > 18 && head[14] >= 12 && head.substr(15, 3) == "\0\0\0"sv;
  if (format == ImageFormat::pnm) {
    const std::size_t next = head.find_first_not_of(" \t\r\n", 2);
    return next != head.npos && (head[next] == '#' || (head[next] >= '0' && head[next] <= '9'));
  }
  return format != ImageFormat::unknown && format != ImageFormat::refused;
}

}  // namespace peregrine
