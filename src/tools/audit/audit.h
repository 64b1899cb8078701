// `peregrine audit` counts what crosses between host and device for each image once everything is warm, and
// evaluates whether it had to.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "peregrine/pipeline.h"
#include "tools/audit/activity.h"

namespace peregrine::audit {

struct FrameAudit {
  std::string path;
  std::int64_t frame = -1;  ///< of a video
  std::vector<NamedBytes> host_to_device, device_to_host;
  bool host_decoded = false;            ///< its pixels were the input, not its file
  std::vector<std::string> violations;  ///< one sentence each
};

struct AuditReport {
  RunInfo info;
  std::vector<FrameAudit> frames;
  std::optional<Activity> activity;  ///< while the images were judged, as CUPTI saw it
  std::string activity_missing;      ///< why there is none, and what to do
  std::vector<std::string>
      violations;  ///< that concern no single image: fallbacks, an engine on the CPU, unknown copies

  bool passed() const;
};

/// Runs all sources twice: the first time everything warms up (graphs are recorded, memory grows), the second
/// time is judged. Only the input (a JPEG's bytes, or pixels where the host decodes, with the description of
/// where they lie) may go to the device, and only results (with the number of persons, embeddings) may come
/// back. On a batch of several the transfers stand with its first image. Where CUPTI can be loaded, it counts
/// every copy, memset and kernel of the process meanwhile, and a copy that the transfer log does not know is
/// a violation. A run on the CPU never passes: there is nothing to prove. Throws what Pipeline throws,
/// "usage.source" for a source that cannot be read twice, and the first image's error; `stop` is asked
/// between images.
AuditReport run(const Settings& settings, const PipelineOptions& options,
                const std::vector<std::string>& sources, const std::function<bool()>& stop);

/// Judges one image's transfers.
std::vector<std::string> evaluate(const ImageResult& result);

/// Holds what CUPTI saw against the transfer log's entries for the same images. A copy between host and
/// device must be one of them, by direction and bytes; those that nvJPEG makes (range "jpeg") together must
/// be no more than the files and some tables: more is entropy decoding on the host, or pixels that come back.
/// One sentence each.
std::vector<std::string> evaluate(std::span<const FrameAudit> frames, const Activity& activity);

std::string to_json(const AuditReport& report);

}  // namespace peregrine::audit
