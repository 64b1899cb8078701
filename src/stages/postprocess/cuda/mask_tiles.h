// The mask kernel divides its work into tiles of 32 columns and 128 rows of a mask's window.
#pragma once

#include "stages/postprocess/cuda/batch.h"
#include "stages/postprocess/tasks/segment/mask_plan.h"

namespace peregrine::postprocess {

inline constexpr int tile_columns = 32;
inline constexpr int tile_words = 4;  ///< a column
inline constexpr int tile_rows = 32 * tile_words;

struct MaskExtent {
  int width = 0, height = 0;

  PEREGRINE_HD int column_words() const { return (height + 31) / 32; }
  PEREGRINE_HD int words() const { return width * column_words(); }
  PEREGRINE_HD int tiles_across() const { return (width + tile_columns - 1) / tile_columns; }
  PEREGRINE_HD int tiles() const { return tiles_across() * ((height + tile_rows - 1) / tile_rows); }
};

PEREGRINE_HD MaskExtent mask_extent(const RecordObject& object) {
  return {object.mask_width, object.mask_height};
}

PEREGRINE_HD MaskPlan image_mask_plan(const Batch& batch, int n) {
  const Geometry& g = batch.geometry(n);
  return batch.validation_masks ? validation_mask_plan(g, batch.proto.width, batch.proto.height)
                                : prediction_mask_plan(g, batch.proto.width, batch.proto.height);
}

}  // namespace peregrine::postprocess
