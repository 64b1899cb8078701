#include "image/run_length.h"

#include <bit>
#include <cstring>
#include <string>

#include "peregrine/error.h"

namespace peregrine {
namespace {

struct Change {
  int column, row;
};

/// Where a pixel differs from the one above it, row by row. Eight pixels are compared at once.
std::vector<Change> vertical_changes(std::span<const std::uint8_t> bits, int height, int width) {
  std::vector<Change> changes;
  for (int row = 1; row < height; ++row) {
    const std::uint8_t* here = bits.data() + static_cast<std::size_t>(row) * width;
    const std::uint8_t* above = here - width;
    int column = 0;
    for (; column + 8 <= width; column += 8) {
      std::uint64_t a, b;
      std::memcpy(&a, here + column, 8);
      std::memcpy(&b, above + column, 8);
      if (a == b) continue;
      for (int i = column; i < column + 8; ++i)
        if (here[i] != above[i]) changes.push_back({i, row});
    }
    for (; column < width; ++column)
      if (here[column] != above[column]) changes.push_back({column, row});
  }
  return changes;
}

/// Rows of the changes, grouped by column; `first[c]` is where column c begins.
std::vector<int> group_by_column(const std::vector<Change>& changes, int width,
                                 std::vector<std::size_t>& first) {
  first.assign(static_cast<std::size_t>(width) + 1, 0);
  for (const Change& change : changes) ++first[change.column + 1];
  for (int column = 0; column < width; ++column) first[column + 1] += first[column];
  std::vector<std::size_t> next(first.begin(), first.end() - 1);
  std::vector<int> rows(changes.size());
  for (const Change& change : changes) rows[next[change.column]++] = change.row;
  return rows;
}

/// Collects runs from the places where the value flips, given in rising order. Two flips at one place
/// cancel: a run that reaches the bottom of a column and goes on at the top of the next is one run.
class RunCollector {
 public:
  explicit RunCollector(RunLengthMask& mask) : counts_(mask.counts) {}

  void flip(std::int64_t position) {
    if (!counts_.empty() && position == last_) {
      last_ -= counts_.back();
      counts_.pop_back();
      return;
    }
    counts_.push_back(static_cast<std::uint32_t>(position - last_));
    last_ = position;
  }

  void finish(std::int64_t pixels) {
    if (pixels > last_ || counts_.empty()) counts_.push_back(static_cast<std::uint32_t>(pixels - last_));
  }

 private:
  std::vector<std::uint32_t>& counts_;
  std::int64_t last_ = 0;
};

[[noreturn]] void malformed(const char* why) {
  throw Error("image.mask", std::string("A mask's run lengths cannot be read: ") + why + ".");
}

/// One number of the string: groups of five bits, lowest first, bit 5 says that more follow, the last
/// group's bit 4 is the sign.
std::int64_t read_number(std::string_view text, std::size_t& at) {
  std::int64_t value = 0;
  for (int shift = 0;; shift += 5) {
    if (at == text.size()) malformed("the string ends inside a number");
    const int group = static_cast<unsigned char>(text[at++]) - 48;
    if (group < 0 || group > 63) malformed("the string holds a character that COCO does not use");
    if (shift > 35) malformed("a number is too long");
    value |= static_cast<std::int64_t>(group & 0x1f) << shift;
    if (group & 0x20) continue;
    return (group & 0x10) ? value - (std::int64_t{1} << (shift + 5)) : value;
  }
}

}  // namespace

RunLengthMask encode_mask(std::span<const std::uint8_t> bits, const MaskWindow& window, int height,
                          int width) {
  RunLengthMask mask{height, width, {}};
  RunCollector runs(mask);
  if (window.width > 0 && window.height > 0) {
    std::vector<std::size_t> first;
    const std::vector<int> rows =
        group_by_column(vertical_changes(bits, window.height, window.width), window.width, first);
    const std::uint8_t* bottom = bits.data() + static_cast<std::size_t>(window.height - 1) * window.width;
    for (int column = 0; column < window.width; ++column) {
      const std::int64_t top = std::int64_t{window.left + column} * height + window.top;
      if (bits[column]) runs.flip(top);
      for (std::size_t i = first[column]; i < first[column + 1]; ++i) runs.flip(top + rows[i]);
      if (bottom[column]) runs.flip(top + window.height);
    }
  }
  runs.finish(std::int64_t{height} * width);
  return mask;
}

RunLengthMask encode_packed_mask(std::span<const std::uint32_t> words, const MaskWindow& window, int height,
                                 int width) {
  RunLengthMask mask{height, width, {}};
  RunCollector runs(mask);
  const std::size_t column_words = (static_cast<std::size_t>(window.height) + 31) / 32;
  for (int column = 0; column < window.width; ++column) {
    const std::uint32_t* word = words.data() + column * column_words;
    const std::int64_t top = std::int64_t{window.left + column} * height + window.top;
    std::uint32_t above = 0;
    for (std::size_t i = 0; i < column_words; ++i) {
      for (std::uint32_t flips = word[i] ^ (word[i] << 1 | above); flips != 0; flips &= flips - 1)
        runs.flip(top + static_cast<std::int64_t>(i) * 32 + std::countr_zero(flips));
      above = word[i] >> 31;
    }
    if (above) runs.flip(top + window.height);
  }
  runs.finish(std::int64_t{height} * width);
  return mask;
}

std::vector<std::uint8_t> decode_mask(const RunLengthMask& mask) {
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(mask.height) * mask.width);
  for_each_run(mask, [&](int column, int first, int end) {
    std::uint8_t* pixel = bits.data() + static_cast<std::size_t>(first) * mask.width + column;
    for (int row = first; row < end; ++row, pixel += mask.width) *pixel = 1;
  });
  return bits;
}

std::string to_coco_string(const RunLengthMask& mask) {
  std::string text;
  text.reserve(mask.counts.size() * 2);
  for (std::size_t i = 0; i < mask.counts.size(); ++i) {
    std::int64_t rest = mask.counts[i];
    if (i > 2) rest -= mask.counts[i - 2];  // from the fourth on: the difference to the run before last
    for (bool more = true; more;) {
      int group = static_cast<int>(rest & 0x1f);
      rest >>= 5;
      more = (group & 0x10) ? rest != -1 : rest != 0;
      text.push_back(static_cast<char>((more ? group | 0x20 : group) + 48));
    }
  }
  return text;
}

RunLengthMask from_coco_string(int height, int width, std::string_view counts) {
  RunLengthMask mask{height, width, {}};
  const std::int64_t pixels = std::int64_t{height} * width;
  std::int64_t sum = 0;
  for (std::size_t at = 0; at < counts.size();) {
    std::int64_t value = read_number(counts, at);
    if (mask.counts.size() > 2) value += mask.counts[mask.counts.size() - 2];
    if (value < 0 || value > pixels - sum) malformed("they do not fit the image");
    sum += value;
    mask.counts.push_back(static_cast<std::uint32_t>(value));
  }
  if (height < 0 || width < 0 || sum != pixels) malformed("they do not add up to the image's pixels");
  return mask;
}

}  // namespace peregrine
