// Tests that need a GPU skip without one, in words that say so.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "cuda/device.h"
#include "cuda/memory.h"
#include "cuda/stream.h"

#define PEREGRINE_NEED_CUDA_DEVICE() \
  if (::peregrine::cuda::device_count() == 0) GTEST_SKIP() << "skipped: no CUDA device"

namespace peregrine::test {

/// A device copy of host values.
template <class T>
cuda::DeviceBuffer upload(const std::vector<T>& values, cudaStream_t stream) {
  cuda::DeviceBuffer buffer(values.size() * sizeof(T), "test data");
  cuda::copy_to_device("test", buffer.data(), values.data(), buffer.bytes(), stream);
  cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  return buffer;
}

template <class T>
std::vector<T> download(const cuda::DeviceBuffer& buffer, cudaStream_t stream) {
  std::vector<T> values(buffer.bytes() / sizeof(T));
  cuda::copy_to_host("test", values.data(), buffer.data(), buffer.bytes(), stream);
  cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  return values;
}

}  // namespace peregrine::test
