// The owners of src/cuda with every call failing in turn.
#include <gmock/gmock.h>

#include "cuda/array.h"
#include "cuda/conditional.h"
#include "cuda/device.h"
#include "cuda/graph.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
#include "fault.h"
#include "gpu_policy/transfer_log.h"
#include "support/fake_cuda.h"

namespace peregrine::cuda {
namespace {

using test::error_of;
using test::FakeCuda;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// One of everything, used once.
void use_all_owners() {
  const DeviceScope scope(0);
  const Stream stream = Stream::create(), urgent = Stream::create(true), outer = Stream::create(),
               inner = Stream::create();
  const Event before = Event::create_timing(), after = Event::create_timing(), order = Event::create();
  const DeviceBuffer device(64, "the first"), other(64, "the second");
  const PinnedBuffer pinned(64, "the pinned one");
  const MemoryPool pool(0);
  const DeviceBuffer pooled(64, "the pooled one", &pool);
  before.record(stream.get());
  fill(device.data(), 7, device.bytes(), stream.get());
  copy_to_host("results", pinned.data(), device.data(), 64, stream.get());
  copy_to_device("pixels", other.data(), pinned.data(), 64, stream.get());
  order.record(stream.get());
  wait(urgent.get(), order);
  const Graph graph = Graph::capture(stream.get(), [&] {
    copy_on_device(pooled.data(), device.data(), 64, stream.get());
    const auto again = Condition::of_capture(stream.get());
    enqueue_while(stream.get(), again, outer, [&](cudaStream_t loop) {
      const auto which = Condition::of_capture(loop);
      enqueue_switch(loop, which, inner, 2,
                     [&](unsigned, cudaStream_t body) { fill(pooled.data(), 0, 64, body); });
    });
  });
  graph.upload(stream.get());
  graph.launch(stream.get());
  check_launch("a kernel");
  after.record(stream.get());
  after.synchronize();
  if (after.done()) after.milliseconds_since(before);
  stream.synchronize();
}

TEST(Faults, NothingIsLeftAliveWhenAllGoesWell) {
  FakeCuda cuda;
  use_all_owners();
  EXPECT_EQ(cuda.alive(), 0u);
  EXPECT_THAT(cuda.misuse(), IsEmpty());
  EXPECT_GT(cuda.total_calls(), 40);
}

TEST(Faults, EveryCallThatFailsIsOneErrorAndLeaksNothing) {
  std::map<std::string, int> calls;
  {
    FakeCuda counting;
    use_all_owners();
    calls = counting.calls();
  }
  for (const auto& [call, count] : calls)
    for (int nth = 0; nth < count; ++nth) {
      SCOPED_TRACE(call + " " + std::to_string(nth));
      FakeCuda cuda;
      cuda.fail(call, nth, cudaErrorMemoryAllocation);
      const auto error = error_of(use_all_owners);
      EXPECT_TRUE(cuda.failure_happened());
      EXPECT_EQ(cuda.alive(), 0u);
      EXPECT_THAT(cuda.misuse(), IsEmpty());
      // Giving back cannot throw: it says so in the log.
      const bool of_pool = call == "device_synchronize" || (call == "get_device" && nth == count - 1);
      const bool gives_back =
          call.find("destroy") != std::string::npos || call.starts_with("free") || of_pool;
      ASSERT_NE(error.has_value(), gives_back);
      if (error) {
        EXPECT_EQ(error->code(), "device.memory");
        EXPECT_THAT(error->sentence(), HasSubstr("out of memory (cudaErrorMemoryAllocation)"));
        EXPECT_THAT(error->hint(), HasSubstr("nvidia-smi"));
      }
      cuda.heal();
      EXPECT_FALSE(error_of(use_all_owners)) << "the next use must work";
    }
}

TEST(Faults, OutOfMemoryNamesWhatWasWantedAndHowMuch) {
  FakeCuda cuda;
  cuda.fail("malloc", 0, cudaErrorMemoryAllocation);
  const auto error = error_of([] { DeviceBuffer(1234, "the arena of yolo11n.pt"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->sentence(),
            "cudaMalloc failed for the arena of yolo11n.pt (1234 bytes): out of memory "
            "(cudaErrorMemoryAllocation).");
}

TEST(Faults, APoolKeepsItsMemoryUntilTheDeviceIsDoneWithIt) {
  FakeCuda cuda;
  const MemoryPool pool(0);
  {
    const DeviceBuffer pooled(64, "an arena", &pool), own(64, "an arena");
    EXPECT_TRUE(cuda.is_pooled(pooled.data()));
    EXPECT_FALSE(cuda.is_pooled(own.data()));
    DeviceBuffer moved;
    moved = DeviceBuffer(32, "an arena", &pool);
    EXPECT_FALSE(cuda.calls().contains("device_synchronize"));
  }
  EXPECT_EQ(cuda.calls().at("device_synchronize"), 2) << "before each is given back";
  EXPECT_EQ(cuda.calls().at("free_async"), 2);
  EXPECT_EQ(cuda.calls().at("free"), 1);
  cuda.fail("malloc_from_pool", 0, cudaErrorMemoryAllocation);
  EXPECT_EQ(
      error_of([&] { DeviceBuffer(1234, "an arena", &pool); })->sentence(),
      "cudaMallocFromPoolAsync failed for an arena (1234 bytes): out of memory (cudaErrorMemoryAllocation).");
  EXPECT_THAT(cuda.misuse(), IsEmpty());
}

TEST(Faults, ADeviceWithoutPoolsGivesPlainMemory) {
  FakeCuda cuda;
  cuda.fail("pool_create", 0, cudaErrorNotSupported);
  {
    const MemoryPool pool(0);
    const DeviceBuffer buffer(64, "an arena", &pool);
    EXPECT_FALSE(cuda.is_pooled(buffer.data()));
    EXPECT_FALSE(error_of([] { check_launch("the next one"); })) << "the refusal is nobody else's";
  }
  EXPECT_EQ(cuda.alive(), 0u);
  EXPECT_THAT(cuda.misuse(), IsEmpty());
}

TEST(Faults, ALostDeviceSaysThatOnlyANewProcessHelps) {
  int calls = 0;
  {
    FakeCuda counting;
    use_all_owners();
    calls = counting.total_calls();
  }
  for (int nth = 0; nth < calls; ++nth) {
    SCOPED_TRACE(nth);
    FakeCuda cuda;
    cuda.lose_device(nth);
    const auto error = error_of(use_all_owners);
    if (error) {
      EXPECT_EQ(error->code(), "device.lost");
      EXPECT_THAT(error->hint(), HasSubstr("start it anew"));
    }
    EXPECT_EQ(cuda.alive(), 0u);
    EXPECT_THAT(cuda.misuse(), IsEmpty());
  }
}

TEST(Faults, ARefusedLaunchNamesItsKernelAndIsReportedOnce) {
  FakeCuda cuda;
  cuda.fail("launch", 0, cudaErrorInvalidConfiguration);
  const auto error = error_of([] { check_launch("letterbox"); });
  ASSERT_TRUE(error);
  EXPECT_THAT(error->sentence(), HasSubstr("letterbox failed: invalid configuration argument"));
  EXPECT_FALSE(error_of([] { check_launch("the next one"); }));
}

TEST(Faults, AFailedCallIsNotTakenForTheNextLaunchs) {
  FakeCuda cuda;
  cuda.fail("memset_async", 0, cudaErrorInvalidValue);
  EXPECT_TRUE(error_of([] { fill(nullptr, 0, 0, nullptr); }));
  EXPECT_FALSE(error_of([] { check_launch("a kernel"); }));
}

TEST(Faults, ACopyThatFailedIsNotInTheTransferLog) {
  FakeCuda cuda;
  const transfer_log::Recording recording;
  cuda.fail("memcpy_async", 0, cudaErrorInvalidValue);
  std::byte host{}, device{};
  EXPECT_TRUE(error_of([&] { copy_to_device("pixels", &device, &host, 1, nullptr); }));
  EXPECT_THAT(recording.transfers(), IsEmpty());
}

TEST(Faults, ACaptureThatThrowsIsEndedAndItsGraphGivenBack) {
  FakeCuda cuda;
  const Stream stream = Stream::create();
  const auto error =
      error_of([&] { Graph::capture(stream.get(), [] { throw Error("engine.kernel", "no."); }); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->sentence(), "no.");
  EXPECT_EQ(cuda.calls().at("end_capture"), 1);
  EXPECT_EQ(cuda.alive(), 1u) << "the stream alone";
}

TEST(Faults, AConditionalNodeEndsTheCapturesOfItsBodies) {
  FakeCuda cuda;
  const Stream stream = Stream::create(), side = Stream::create();
  const auto captured = [&](const std::function<void(cudaStream_t)>& body) {
    return error_of([&] {
      Graph::capture(stream.get(),
                     [&] { enqueue_while(stream.get(), Condition::of_capture(stream.get()), side, body); });
    });
  };
  EXPECT_EQ(captured([](cudaStream_t) { throw Error("engine.kernel", "no."); })->sentence(), "no.");
  std::byte host{}, device{};
  const auto copies = captured([&](cudaStream_t body) { copy_to_host("results", &host, &device, 1, body); });
  ASSERT_TRUE(copies);
  EXPECT_EQ(copies->code(), "internal.graph");
  EXPECT_THAT(copies->sentence(), HasSubstr("copies 'results' between host and device"));
  EXPECT_FALSE(captured([](cudaStream_t) {}));
  EXPECT_EQ(cuda.calls().at("end_capture"), 6) << "three graphs, a body each";
  EXPECT_EQ(cuda.alive(), 2u) << "the streams alone";
  EXPECT_THAT(cuda.misuse(), IsEmpty());
}

TEST(Faults, AConditionBelongsToACapture) {
  FakeCuda cuda;
  const Stream stream = Stream::create(), side = Stream::create();
  const auto outside = error_of([&] { Condition::of_capture(stream.get()); });
  ASSERT_TRUE(outside);
  EXPECT_EQ(outside->code(), "internal.graph");
  const auto none = error_of([&] {
    Graph::capture(stream.get(), [&] {
      enqueue_switch(stream.get(), Condition(), side, 1, [](unsigned, cudaStream_t) {});
    });
  });
  ASSERT_TRUE(none);
  EXPECT_EQ(none->code(), "internal.graph");
}

TEST(Faults, ABadIndexListsTheDevices) {
  FakeCuda cuda(2);
  const auto error = error_of([] { device_facts(7); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), "device.index");
  EXPECT_EQ(error->sentence(), "There is no device cuda:7.");
  EXPECT_EQ(error->hint(), "This machine has cuda:0 NVIDIA Fake, cuda:1 NVIDIA Other.");
}

TEST(Faults, AMachineWithoutDevicesSaysSo) {
  FakeCuda cuda(0);
  EXPECT_EQ(error_of([] { device_facts(0); })->code(), "device.none");
  EXPECT_EQ(device_count(), 0);
}

TEST(Faults, ADriverThatIsThereAndDoesNotWorkIsNoAbsence) {
  FakeCuda cuda;
  const auto answer = [&](cudaError_t status) {
    cuda.fail("get_device_count", 0, status);
    return error_of([] { EXPECT_EQ(device_count(), 0); });
  };
  EXPECT_FALSE(answer(cudaErrorNoDevice));
  EXPECT_FALSE(answer(cudaErrorStubLibrary));
  const auto old = answer(cudaErrorInsufficientDriver);
  ASSERT_TRUE(old);
  EXPECT_EQ(old->code(), "device.driver");
  EXPECT_THAT(old->sentence(),
              HasSubstr("cudaGetDeviceCount failed for the driver, which supports CUDA 13.0"));
  EXPECT_EQ(answer(cudaErrorInitializationError)->code(), "device.driver");
  EXPECT_EQ(answer(cudaErrorDevicesUnavailable)->code(), "device.lost");
  EXPECT_THAT(answer(cudaErrorUnknown)->sentence(), HasSubstr("cudaErrorUnknown"));
  EXPECT_EQ(device_count(), 1) << "the failed question leaves nothing behind";
}

TEST(Faults, WithoutADriverThereAreNoDevices) {
  FakeCuda cuda;
  cuda.fail("get_device_count", 0, cudaErrorInsufficientDriver);
  cuda.fail("driver_version", 0, cudaErrorInsufficientDriver);
  EXPECT_EQ(device_count(), 0);
}

TEST(Faults, AStreamOfAnotherDeviceIsRefused) {
  FakeCuda cuda(2);
  cuda.set_stream_device(1);
  const Stream stream = Stream::create();
  const auto error = error_of([&] { require_stream_on(stream.get(), 0); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), "device.stream");
  EXPECT_EQ(error->sentence(), "The stream belongs to cuda:1, the work to cuda:0.");
  EXPECT_EQ(error->hint(), "Hand over a stream of the device that the engine was loaded on.");
  EXPECT_FALSE(error_of([&] { require_stream_on(stream.get(), 1); }));
}

TEST(Faults, TypedArraysHaveTheSizesOfTheirElementsAndCopyThese) {
  FakeCuda cuda;
  {
    const Stream stream = Stream::create();
    const PinnedArray<double> staged(5, "staged");
    DeviceArray<double> array(3, "an array"), moved;
    EXPECT_EQ(array.size(), 3u);
    EXPECT_EQ(array.bytes(), 24u);
    EXPECT_EQ(moved.size(), 0u);
    moved = std::move(array);
    for (std::size_t i = 0; i < staged.size(); ++i) staged[i] = static_cast<double>(i);
    copy_to_device("numbers", moved, staged.first(3), stream.get());
    stream.synchronize();
    EXPECT_EQ(moved.size(), 3u);
    EXPECT_EQ(error_of([] { DeviceArray<double>(0, "nothing"); }), std::nullopt);
  }
  EXPECT_EQ(cuda.alive(), 0u);
  EXPECT_THAT(cuda.misuse(), IsEmpty());
}

TEST(WorkspaceLayout, ArraysLieAlignedOneBehindAnother) {
  WorkspaceLayout layout;
  const auto bytes = layout.append<std::byte>(257);
  const auto none = layout.append<double>(0);
  const auto words = layout.append<int>(64);
  const auto numbers = layout.append<double>(1);
  EXPECT_EQ(bytes.offset, 0u);
  EXPECT_EQ(none.offset, 512u);
  EXPECT_EQ(words.offset, 512u);
  EXPECT_EQ(numbers.offset, 768u);
  EXPECT_EQ(layout.bytes(), 1024u);
  alignas(256) std::byte workspace[1024];
  EXPECT_EQ(static_cast<void*>(words.in(workspace)), workspace + 512);
}

TEST(Faults, MovedOwnersGiveBackOnce) {
  FakeCuda cuda;
  {
    DeviceBuffer a(64, "a"), b(32, "b");
    a = std::move(b);
    const DeviceBuffer c = std::move(a);
    Stream s = Stream::create(), t = Stream::create();
    s = std::move(t);
    EXPECT_EQ(c.bytes(), 32u);
  }
  EXPECT_EQ(cuda.alive(), 0u);
  EXPECT_THAT(cuda.misuse(), IsEmpty());
}

}  // namespace
}  // namespace peregrine::cuda
