#include "stages/postprocess/cuda/crop_batches.h"

namespace peregrine::postprocess {
namespace {

// ------------------------------------------------------------ kernels

/// crop batches = {no crop done yet}, and whether there is one to do.
/// One thread.
/// Shared memory: none.
/// Barriers: none; the kernel starts in stream order.
/// begin_crop_batches() launches it before the loop of a CUDA graph.
__global__ void begin_kernel(CropBatches* crop_batches, int* host_persons, cuda::Condition more) {
  crop_batches->begin();
  *host_persons = crop_batches->persons;
  more.set(crop_batches->more());
}

/// chosen = the bucket of the next crop batch.
/// One thread.
/// Shared memory: none.
/// Barriers: none; the kernel starts in stream order.
/// choose_crop_batch() launches it at the start of each turn of the loop; its condition selects the branch
/// of the bucket.
__global__ void choose_kernel(CropBatches* crop_batches, BatchBuckets buckets, cuda::Condition chosen) {
  chosen.set(static_cast<unsigned>(crop_batches->choose(buckets)));
}

/// crop batches = {one batch more is done}, and whether another one is left.
/// One thread.
/// Shared memory: none.
/// Barriers: none; the kernel starts in stream order.
/// end_crop_batch() launches it at the end of each turn of the loop.
__global__ void end_kernel(CropBatches* crop_batches, cuda::Condition more) {
  crop_batches->end();
  more.set(crop_batches->more());
}

// ------------------------------------------------------------ launchers

}  // namespace

void begin_crop_batches(CropBatches* crop_batches, int* host_persons, const cuda::Condition& more,
                        cudaStream_t stream) {
  begin_kernel<<<1, 1, 0, stream>>>(crop_batches, host_persons, more);
  cuda::check_launch("begin_crop_batches");
}

void choose_crop_batch(CropBatches* crop_batches, const BatchBuckets& buckets, const cuda::Condition& chosen,
                       cudaStream_t stream) {
  choose_kernel<<<1, 1, 0, stream>>>(crop_batches, buckets, chosen);
  cuda::check_launch("choose_crop_batch");
}

void end_crop_batch(CropBatches* crop_batches, const cuda::Condition& more, cudaStream_t stream) {
  end_kernel<<<1, 1, 0, stream>>>(crop_batches, more);
  cuda::check_launch("end_crop_batch");
}

}  // namespace peregrine::postprocess
