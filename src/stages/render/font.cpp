#include "stages/render/font.h"

#include <charconv>
#include <numbers>
#include <vector>

#include "stages/render/glyphs.h"

namespace peregrine::render {
namespace {

struct Shape {
  float width = 0;
  std::vector<Segment> segments;
};

/// Reads one glyph's description (glyphs.h).
class StrokeReader {
 public:
  explicit StrokeReader(const Glyph& glyph) : text_(glyph.strokes) { shape_.width = glyph.width; }

  Shape read() {
    while (!text_.empty()) {
      switch (text_.front()) {
        case ';':
          pen_down_ = false;
          text_.remove_prefix(1);
          break;
        case ' ': text_.remove_prefix(1); break;
        case '@':
          text_.remove_prefix(1);
          arc();
          break;
        default: {
          const float x = number(), y = number();
          go_to({x, y});
        }
      }
    }
    return std::move(shape_);
  }

 private:
  float number() {
    float value = 0;
    const auto end = std::from_chars(text_.data(), text_.data() + text_.size(), value).ptr;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    if (text_.starts_with(',')) text_.remove_prefix(1);
    return value;
  }

  void arc() {
    const float cx = number(), cy = number(), rx = number(), ry = number(), from = number(), to = number();
    constexpr float step = 15;
    const int steps = std::max(1, static_cast<int>(std::ceil(std::abs(to - from) / step)));
    for (int i = 0; i <= steps; ++i) {
      const float angle = (from + (to - from) * static_cast<float>(i) / static_cast<float>(steps)) *
                          (std::numbers::pi_v<float> / 180);
      go_to({cx + rx * std::cos(angle), cy + ry * std::sin(angle)});
    }
  }

  void go_to(Point point) {
    if (pen_down_) shape_.segments.push_back({at_, point});
    at_ = point;
    pen_down_ = true;
  }

  std::string_view text_;
  Shape shape_;
  Point at_;
  bool pen_down_ = false;
};

const Shape& shape_of(char32_t character) {
  static const std::vector<Shape> shapes = [] {
    std::vector<Shape> all;
    all.reserve(glyphs.size());
    for (const Glyph& glyph : glyphs) all.push_back(StrokeReader(glyph).read());
    return all;
  }();
  static const Shape frame = StrokeReader({7.6f, "0,0 0,14 7.6,14 7.6,0 0,0"}).read();
  return character >= ' ' && character < ' ' + shapes.size() ? shapes[character - ' '] : frame;
}

/// The bare letters of U+00C0 to U+017F: the font has no accents, and "cafe" reads better than a frame. Signs
/// have a frame.
constexpr std::string_view bare_letters =
    "AAAAAAACEEEEIIIIDNOOOOO?OUUUUY?saaaaaaaceeeeiiiidnooooo?ouuuuy?y"
    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlL"
    "lLlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";

char32_t drawable(char32_t character) {
  const char32_t index = character - 0xc0;
  const char letter = index < bare_letters.size() ? bare_letters[index] : '?';
  return character < 0x80 ? character : letter == '?' ? char32_t{0xfffd} : static_cast<char32_t>(letter);
}

/// Characters of UTF-8 text as the font has them. Beyond two bytes only their number matters.
template <class Visitor>
void for_each_character(std::string_view text, Visitor visit) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) == 0x80) continue;
    char32_t character = byte < 0x80 ? char32_t{byte} : char32_t{0xfffd};
    if ((byte & 0xe0) == 0xc0 && i + 1 < text.size())
      character = (char32_t{byte} & 0x1f) << 6 | (static_cast<unsigned char>(text[i + 1]) & 0x3f);
    visit(drawable(character));
  }
}

}  // namespace

TextMetrics measure(std::string_view text, float capital_height) {
  const float scale = capital_height / capital_units;
  float units = pen_units - gap_units;
  for_each_character(text, [&](char32_t c) { units += shape_of(c).width + gap_units; });
  return {text.empty() ? 0 : units * scale, capital_height + scale * (pen_units / 2),
          (tail_units + pen_units / 2) * scale};
}

void draw_text(Canvas& canvas, std::string_view text, Point origin, float capital_height, Colour colour) {
  const float scale = capital_height / capital_units, radius = pen_units / 2 * scale;
  float left = origin.x + radius;
  for_each_character(text, [&](char32_t c) {
    const Shape& shape = shape_of(c);
    const auto on_canvas = [&](Point p) { return Point{left + p.x * scale, origin.y - p.y * scale}; };
    std::vector<Segment> segments;
    segments.reserve(shape.segments.size());
    for (const Segment& segment : shape.segments)
      segments.push_back({on_canvas(segment.from), on_canvas(segment.to)});
    canvas.strokes(segments, 2 * radius, colour);
    left += (shape.width + gap_units) * scale;
  });
}

}  // namespace peregrine::render
