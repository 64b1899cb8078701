#include "support/zip_writer.h"

#include <array>

namespace peregrine::test {

namespace {

std::uint32_t crc32(const std::string& bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> values{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      values[i] = i;
      for (int bit = 0; bit < 8; ++bit) values[i] = values[i] >> 1 ^ (values[i] & 1 ? 0xedb88320u : 0u);
    }
    return values;
  }();
  std::uint32_t crc = 0xffffffffu;
  for (const char byte : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<std::uint8_t>(byte)) & 0xff];
  return ~crc;
}

void put(std::string& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

/// The fields that a local header and a directory entry share.
void put_description(std::string& out, const ZipEntry& entry) {
  const auto size = static_cast<std::uint32_t>(entry.bytes.size());
  put(out, 20, 2);                          // version needed
  put(out, 0, 2);                           // flags
  put(out, entry.claimed_size ? 8 : 0, 2);  // stored; a lie about the size needs deflate to pass as one
  put(out, 0, 4);                           // time, date
  put(out, crc32(entry.bytes), 4);
  put(out, size, 4);
  put(out, entry.claimed_size.value_or(size), 4);
  put(out, static_cast<std::uint32_t>(entry.name.size()), 2);
  put(out, 0, 2);  // extra
}

}  // namespace

std::string write_zip(const std::vector<ZipEntry>& entries) {
  std::string out, directory;
  for (const ZipEntry& entry : entries) {
    directory += "PK\x01\x02";
    put(directory, 20, 2);  // version made by
    put_description(directory, entry);
    put(directory, 0, 4);  // comment, disk
    put(directory, 0, 2);  // attributes
    put(directory, 0, 4);
    put(directory, static_cast<std::uint32_t>(out.size()), 4);
    directory += entry.name;
    out += "PK\x03\x04";
    put_description(out, entry);
    out += entry.name + entry.bytes;
  }
  const auto start = static_cast<std::uint32_t>(out.size());
  const auto count = static_cast<std::uint32_t>(entries.size());
  out += directory + "PK\x05\x06";
  put(out, 0, 4);
  put(out, count, 2);
  put(out, count, 2);
  put(out, static_cast<std::uint32_t>(directory.size()), 4);
  put(out, start, 4);
  put(out, 0, 2);
  return out;
}

}  // namespace peregrine::test
