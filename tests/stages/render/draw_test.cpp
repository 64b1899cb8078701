#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "image/run_length.h"
#include "stages/render/font.h"
#include "stages/render/labels.h"
#include "stages/render/palette.h"
#include "stages/render/render.h"

namespace peregrine::render {
namespace {

using Names = std::vector<std::vector<std::string>>;

HostImage grey(int width, int height, PixelOrder order = PixelOrder::bgr) {
  return {width, height, order, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3, 90)};
}

Colour at(const HostImage& image, int x, int y) {
  const std::uint8_t* p = image.pixels.data() + (static_cast<std::ptrdiff_t>(y) * image.width + x) * 3;
  return image.order == PixelOrder::bgr ? Colour{p[2], p[1], p[0]} : Colour{p[0], p[1], p[2]};
}

int difference(Colour a, Colour b) {
  return std::abs(a.red - b.red) + std::abs(a.green - b.green) + std::abs(a.blue - b.blue);
}

Object object(float x1, float y1, float x2, float y2, int class_id = 0, float confidence = 0.9f) {
  Object o;
  o.box = {x1, y1, x2, y2};
  o.class_id = class_id;
  o.confidence = confidence;
  return o;
}

int changed_pixels(const HostImage& a, const HostImage& b) {
  int count = 0;
  for (int y = 0; y < a.height; ++y)
    for (int x = 0; x < a.width; ++x) count += difference(at(a, x, y), at(b, x, y)) > 0;
  return count;
}

TEST(Draw, NothingToDrawIsACopy) {
  const HostImage image = grey(33, 21);
  EXPECT_EQ(draw(image.view(), {}, {}).pixels, image.pixels);
}

TEST(Draw, BoxInItsClassColourWithTheInsideUntouched) {
  const HostImage image = grey(400, 300);
  const HostImage drawn = draw(image.view(), {object(100, 100, 300, 200, 3)}, {});
  for (const auto& [x, y] : {std::pair{200, 200}, {100, 150}, {299, 150}})
    EXPECT_LT(difference(at(drawn, x, y), class_colour(3)), 60) << x << "," << y;
  EXPECT_EQ(difference(at(drawn, 200, 150), at(image, 200, 150)), 0);
  EXPECT_EQ(difference(at(drawn, 20, 280), at(image, 20, 280)), 0);
}

TEST(Draw, RowsMayHaveGapsAndEitherOrder) {
  const HostImage bgr = grey(120, 80), rgb = grey(120, 80, PixelOrder::rgb);
  HostImage wide = grey(150, 80);
  ImageView view = wide.view();
  view.width = 120;
  const std::vector<Object> objects = {object(20, 30, 90, 70, 1)};
  const HostImage a = draw(bgr.view(), objects, {}), b = draw(rgb.view(), objects, {}),
                  c = draw(view, objects, {});
  EXPECT_EQ(changed_pixels(a, b), 0);
  EXPECT_EQ(changed_pixels(a, c), 0);
  EXPECT_NE(a.pixels, b.pixels);
}

TEST(Draw, MaskIsTranslucentWithALineAround) {
  const HostImage image = grey(300, 300);
  Object o = object(100, 100, 200, 200, 2);
  std::vector<std::uint8_t> bits(80 * 80, 1);
  o.mask = encode_mask(bits, {110, 110, 80, 80}, 300, 300);
  const HostImage drawn = draw(image.view(), {o}, {});
  const Colour inside = at(drawn, 150, 150), contour = at(drawn, 150, 189), base{90, 90, 90};
  EXPECT_GT(difference(inside, base), 40);
  EXPECT_LT(difference(inside, base), difference(class_colour(2), base) / 2);
  EXPECT_LT(difference(contour, class_colour(2)), 90);
  EXPECT_EQ(difference(at(drawn, 150, 195), base), 0) << "between mask and box";
}

TEST(Draw, MaskUpToTheImagesEdges) {
  const HostImage image = grey(64, 48);
  Object o = object(0, 0, 64, 48);
  o.mask = encode_mask(std::vector<std::uint8_t>(64 * 48, 1), {0, 0, 64, 48}, 48, 64);
  EXPECT_EQ(changed_pixels(draw(image.view(), {o}, {}), image), 64 * 48);
}

TEST(Draw, HiddenKeypointsAreLeftOut) {
  const HostImage image = grey(400, 400);
  Object shown = object(-100, -100, -50, -50), hidden = shown;
  for (int i = 0; i < 17; ++i) shown.keypoints.push_back({100.f + 10 * i, 200.f + 15 * (i % 3), 0.9f});
  hidden.keypoints = shown.keypoints;
  for (Keypoint& k : hidden.keypoints) k.confidence = 0.1f;
  const HostImage with = draw(image.view(), {shown}, {}), without = draw(image.view(), {hidden}, {});
  EXPECT_GT(changed_pixels(with, without), 500);
  EXPECT_EQ(difference(at(without, 150, 215), {90, 90, 90}), 0);
}

TEST(Draw, SameThingOfTwoModelsGetsOneLabel) {
  const HostImage image = grey(640, 480);
  const Names names = {{"person"}, {"person"}};
  Object a = object(100, 100, 300, 400, 0, 0.91f), b = object(102, 101, 299, 402, 0, 0.88f);
  b.model = 1;
  EXPECT_EQ(changed_pixels(draw(image.view(), {a, b}, names), draw(image.view(), {a}, names)), 0);
  b.model = 0;  // one model means two things
  EXPECT_GT(changed_pixels(draw(image.view(), {a, b}, names), draw(image.view(), {a}, names)), 0);
}

TEST(Draw, OddNumbersDoNoHarm) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (int size : {1, 2, 7, 64}) {
    const HostImage image = grey(size, size);
    std::vector<Object> objects = {object(-inf, 0, inf, 5), object(nan, nan, nan, nan),
                                   object(1e30f, -1e30f, 1e30f, 1e30f, -5), object(5, 5, 2, 2, 1 << 30)};
    for (Object& o : objects) o.keypoints = {{nan, inf, 1}, {1e9f, -1e9f, 1}, {0, 0, nan}};
    const HostImage drawn = draw(image.view(), objects, {{"\xff\n", ""}});
    EXPECT_EQ(drawn.pixels.size(), image.pixels.size());
  }
}

TEST(Labels, StayInsideAndApart) {
  HostImage image = grey(320, 240);
  const Canvas canvas(image);
  LabelPlacer placer(canvas, 9);
  std::vector<Rectangle> places;
  for (const Rectangle& box : {Rectangle{-5, -5, 60, 60},
                               {280, 1, 330, 90},
                               {2, 200, 50, 245},
                               {300, 220, 320, 240},
                               {100, 100, 200, 200},
                               {100, 100, 200, 200},
                               {101, 99, 201, 199}})
    places.push_back(placer.place("person 0.87", box, 2));
  for (std::size_t i = 0; i < places.size(); ++i) {
    EXPECT_GE(places[i].left, 0);
    EXPECT_GE(places[i].top, 0);
    EXPECT_LE(places[i].right, 320);
    EXPECT_LE(places[i].bottom, 240);
    for (std::size_t j = 0; j < i; ++j) {
      const bool apart = places[i].right <= places[j].left || places[j].right <= places[i].left ||
                         places[i].bottom <= places[j].top || places[j].bottom <= places[i].top;
      EXPECT_TRUE(apart) << i << " and " << j;
    }
  }
}

TEST(Labels, TextStandsOutOnEveryColour) {
  const auto linear = [](int v) { return std::pow(static_cast<double>(v) / 255, 2.2); };
  const auto luminance = [&](Colour c) {
    return 0.2126 * linear(c.red) + 0.7152 * linear(c.green) + 0.0722 * linear(c.blue);
  };
  for (int id = 0; id < 20; ++id) {
    const double a = luminance(class_colour(id)) + 0.05, b = luminance(text_colour(class_colour(id))) + 0.05;
    EXPECT_GT(std::max(a, b) / std::min(a, b), 2.5) << "class " << id;
  }
}

TEST(Font, EveryCharacterDiffersAndStaysWithinItsMetrics) {
  std::vector<std::vector<std::uint8_t>> seen;
  for (char c = '!'; c <= '~'; ++c) {
    HostImage image = grey(64, 64);
    Canvas canvas(image);
    const std::string text(1, c);
    const float height = 28;
    draw_text(canvas, text, {16, 44}, height, {255, 255, 255});
    const TextMetrics metrics = measure(text, height);
    int inked = 0;
    for (int y = 0; y < 64; ++y)
      for (int x = 0; x < 64; ++x)
        if (difference(at(image, x, y), {90, 90, 90}) > 30) {
          ++inked;
          EXPECT_GE(x, 13) << c;
          EXPECT_LE(static_cast<float>(x), 16 + metrics.width + 3) << c;
          EXPECT_GE(static_cast<float>(y), 44 - metrics.ascent - 4) << c;
          EXPECT_LE(static_cast<float>(y), 44 + metrics.descent + 1) << c;
        }
    EXPECT_GT(inked, 4) << c;
    EXPECT_THAT(seen, testing::Not(testing::Contains(image.pixels))) << c;
    seen.push_back(image.pixels);
  }
}

TEST(Font, WidthGrowsWithTextAndSize) {
  EXPECT_EQ(measure("", 10).width, 0);
  EXPECT_GT(measure("person", 10).width, measure("perso", 10).width);
  EXPECT_FLOAT_EQ(measure("person", 20).width, 2 * measure("person", 10).width);
  EXPECT_FLOAT_EQ(measure("\u00e9", 10).width, measure("e", 10).width);
}

TEST(Text, LettersLoseTheirAccentsAndOtherCharactersAreFrames) {
  const auto drawn = [](std::string_view text) {
    HostImage image = grey(300, 40);
    Canvas canvas(image);
    draw_text(canvas, text, {5, 30}, 20, {255, 255, 255});
    return image.pixels;
  };
  EXPECT_EQ(drawn("Fu\u00dfg\u00e4nger \u0141\u00d3\u0179"), drawn("Fusganger LOZ"));
  const auto frame = drawn("\u4eba");
  EXPECT_NE(frame, drawn(""));
  EXPECT_EQ(frame, drawn("\U0001f6b2"));
  EXPECT_EQ(frame, drawn("\u00d7"));
  EXPECT_EQ(drawn("a\xc3"), drawn("a\u4eba")) << "cut off in a character";
}

}  // namespace
}  // namespace peregrine::render
