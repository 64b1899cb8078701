#include <algorithm>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "core/text.h"
#include "core/trace.h"
#include "stages/render/canvas.h"
#include "stages/render/labels.h"
#include "stages/render/object_parts.h"
#include "stages/render/palette.h"
#include "stages/render/render.h"

namespace peregrine::render {
namespace {

/// What the eye sees as one thing: the same person found by several models is drawn with one box and label.
struct Thing {
  const Object* first;  ///< the most confident: gives box and label
  std::string name;
  std::vector<const Object*> parts;
};

HostImage copy_of(const ImageView& image) {
  HostImage copy{image.width, image.height, image.order, {}};
  const std::size_t row = static_cast<std::size_t>(image.width) * 3;
  copy.pixels.resize(row * static_cast<std::size_t>(image.height));
  for (int y = 0; y < image.height; ++y)
    std::memcpy(copy.pixels.data() + row * y, image.data + image.pitch * y, row);
  return copy;
}

std::string name_of(const Object& object, const std::vector<std::vector<std::string>>& class_names) {
  const auto model = static_cast<std::size_t>(object.model), id = static_cast<std::size_t>(object.class_id);
  return model < class_names.size() && id < class_names[model].size()
             ? class_names[model][id]
             : fmt::format("class {}", object.class_id);
}

float area(const std::array<float, 4>& box) {
  return std::max(0.f, box[2] - box[0]) * std::max(0.f, box[3] - box[1]);
}

bool same_place(const Object& a, const Object& b) {
  constexpr float least_iou = 0.7f;
  const float common = area({std::max(a.box[0], b.box[0]), std::max(a.box[1], b.box[1]),
                             std::min(a.box[2], b.box[2]), std::min(a.box[3], b.box[3])});
  return common > least_iou * (area(a.box) + area(b.box) - common);
}

/// Objects by confidence, falling, those of different models that show the same thing joined.
std::vector<Thing> group(const std::vector<Object>& objects,
                         const std::vector<std::vector<std::string>>& class_names) {
  std::vector<const Object*> sorted;
  sorted.reserve(objects.size());
  for (const Object& object : objects) sorted.push_back(&object);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Object* a, const Object* b) { return a->confidence > b->confidence; });
  std::vector<Thing> things;
  for (const Object* object : sorted) {
    const std::string name = name_of(*object, class_names);
    const auto belongs = [&](const Thing& thing) {
      return thing.name == name && same_place(*thing.first, *object) &&
             std::none_of(thing.parts.begin(), thing.parts.end(),
                          [&](const Object* part) { return part->model == object->model; });
    };
    const auto thing = std::find_if(things.begin(), things.end(), belongs);
    if (thing == things.end())
      things.push_back({object, name, {object}});
    else
      thing->parts.push_back(object);
  }
  return things;
}

/// Parts of all things, the most confident last.
void draw_parts(Canvas& canvas, const std::vector<Thing>& things, const Style& style,
                void (*DrawnPart::*layer)(Canvas&, const Object&, const Style&)) {
  for (auto thing = things.rbegin(); thing != things.rend(); ++thing)
    for (const Object* object : thing->parts)
      for (const DrawnPart& part : drawn_parts())
        if (part.*layer) (part.*layer)(canvas, *object, style);
}

std::string label_of(const Thing& thing) {
  std::string text = fmt::format("{} {:.2f}", printable(thing.name), thing.first->confidence);
  for (const Object* object : thing.parts)
    for (const DrawnPart& part : drawn_parts())
      if (const std::string more = part.label ? part.label(*object) : std::string(); !more.empty())
        text += " " + more;
  return text;
}

}  // namespace

HostImage draw(const ImageView& image, const std::vector<Object>& objects,
               const std::vector<std::vector<std::string>>& class_names) {
  HostImage drawn = copy_of(image);
  Canvas canvas(drawn);
  const trace::Range range("render");
  const Style style(canvas);
  const std::vector<Thing> things = group(objects, class_names);
  const auto box_of = [](const Thing& thing) {
    const auto& box = thing.first->box;
    return Rectangle{box[0], box[1], box[2], box[3]};
  };

  // From the ground up, and in each layer the most confident last: masks, boxes, bodies, labels.
  draw_parts(canvas, things, style, &DrawnPart::below_boxes);
  for (auto thing = things.rbegin(); thing != things.rend(); ++thing)
    canvas.outline(box_of(*thing), style.line * 1.5f, style.line, class_colour(thing->first->class_id));
  draw_parts(canvas, things, style, &DrawnPart::above_boxes);

  LabelPlacer labels(canvas, style.capital_height);
  std::vector<std::pair<std::string, Rectangle>> placed;
  for (const Thing& thing : things) {
    const std::string text = label_of(thing);
    placed.emplace_back(text, labels.place(text, box_of(thing), style.line));
  }
  for (std::size_t i = things.size(); i-- > 0;)
    labels.draw(canvas, placed[i].first, placed[i].second, class_colour(things[i].first->class_id));
  return drawn;
}

}  // namespace peregrine::render
