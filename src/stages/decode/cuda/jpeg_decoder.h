// Decodes JPEG on the GPU: it uploads the compressed bytes, and nvJPEG, which is loaded on use, writes pixels
// into device memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace peregrine::decode {

/// The two backends of nvJPEG in use. Its default backend never is: that one may decode on the host without
/// saying so.
enum class JpegBackend : std::uint8_t {
  hardware,    ///< the decoder engine of data-centre GPUs (A100, H100 ...): baseline, single scan
  gpu_hybrid,  ///< kernels, through the decoupled interface; it brings 2.6 times the file's bytes, so part is
               ///< the host's work
};
/// "HARDWARE", "GPU_HYBRID".
const char* to_string(JpegBackend backend) noexcept;

/// What the header says, read on the host.
struct JpegHeader {
  int width = 0, height = 0;  ///< of the upright image (EXIF orientation applied)
  int orientation = 1;        ///< EXIF, 1 to 8
  std::string refusal;        ///< why the GPU cannot decode it ("it is progressive"); empty when it can
};

/// One image to decode. `pixels` is device memory of height rows of `pitch` bytes, 3 * width at least; BGR.
struct JpegJob {
  std::span<const std::byte> file;
  std::uint8_t* pixels = nullptr;
  std::size_t pitch = 0;
  int orientation = 1;  ///< as inspect() found it
};

/// For one thread at a time.
class JpegDecoder {
 public:
  /// On the current device. Without a preferred: HARDWARE where the GPU has an engine, else GPU_HYBRID.
  /// Throws "environment.library" without nvJPEG, "device.jpeg" when the wished backend is not there.
  explicit JpegDecoder(std::optional<JpegBackend> preferred = {});
  ~JpegDecoder();
  JpegDecoder(JpegDecoder&&) noexcept;
  JpegDecoder& operator=(JpegDecoder&&) noexcept;

  JpegBackend backend() const noexcept;

  JpegHeader inspect(std::span<const std::byte> file);

  /// Enqueues the decoding of images that inspect() did not refuse, as one batch, on `cuda_stream`; the files
  /// stay until the stream has come by. `failed[i]` tells which could not be decoded; the others are whole.
  /// The compressed bytes enter the transfer log as "jpeg". Waits for the batch before the last one, whose
  /// memory it uses again.
  void decode(std::span<const JpegJob> jobs, std::span<bool> failed, void* cuda_stream);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace peregrine::decode
