// Copies of the used part of a record to the host's memory.
#pragma once

#include "stages/postprocess/cuda/batch.h"

namespace peregrine::postprocess {

/// `bytes` are rounded up to 16, which records leave room for. Thread `first` of `step`.
__device__ inline void copy_bytes_to_host(void* to, const void* from, std::size_t bytes, unsigned first,
                                          unsigned step) {
  const std::size_t pieces = (bytes + sizeof(uint4) - 1) / sizeof(uint4);
  for (std::size_t i = first; i < pieces; i += step)
    static_cast<uint4*>(to)[i] = static_cast<const uint4*>(from)[i];
}

/// Header, objects, keypoints and numbers of an image; by one block.
__device__ inline void copy_objects_to_host(const Batch& batch, int image) {
  const RecordLayout& layout = batch.layout;
  const std::size_t objects = layout.header(batch.record, image)->objects;
  copy_bytes_to_host(layout.header(batch.host_record, image), layout.header(batch.record, image),
                     sizeof(RecordHeader) + objects * sizeof(RecordObject), threadIdx.x, blockDim.x);
  copy_bytes_to_host(layout.keypoint(batch.host_record, image, 0), layout.keypoint(batch.record, image, 0),
                     objects * layout.keypoints * sizeof(RecordKeypoint), threadIdx.x, blockDim.x);
  copy_bytes_to_host(layout.number(batch.host_record, image, 0), layout.number(batch.record, image, 0),
                     objects * layout.numbers * sizeof(float), threadIdx.x, blockDim.x);
}

}  // namespace peregrine::postprocess
