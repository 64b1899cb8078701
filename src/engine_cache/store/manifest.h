// What the store knows about an engine: what it was made from and for, what its plan must digest to, and how
// it was validated. Written as manifest.json beside the plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "peregrine/model_info.h"

namespace peregrine::store {

/// The input shapes that an engine takes. Fixed-shape engines: all three batches alike.
struct InputRange {
  int batch_min = 1, batch_opt = 1, batch_max = 1;
  int height = 640, width = 640;
  bool any_size =
      false;  ///< any batch, height and width (predict --rect on the CPU); the numbers are examples
  bool operator==(const InputRange&) const = default;
};
/// "1x3x640x640", "1..16x3x640x640", "any size".
std::string to_string(const InputRange& range);

/// All that decides which engine it is. Two engines with equal identities, drivers aside, are the same
/// engine.
struct EngineIdentity {
  std::string model_sha256;
  std::string graph_digest;      ///< graph::digest of the graph given to the builder
  std::string engine;            ///< Builder::name()
  std::string engine_version;    ///< peregrine::version that built it
  std::string library_versions;  ///< Builder::library_versions()
  std::string device_name;  ///< Builder::device_name(): GPU with compute capability, or CPU with features
  std::string driver;  ///< empty on the CPU. A changed driver asks for verification, not for a new engine
  Precision precision = Precision::fp32;  ///< as asked for
  InputRange input;
  std::map<std::string, std::string> options;  ///< whatever else changes the plan: "threads", "workspace"
};

/// Identity of the engine that `builder` would make of `graph`. `options.progress` plays no part.
EngineIdentity identity_of(const ModelInfo& model, const graph::Graph& graph, const Builder& builder,
                           const BuildOptions& options, const InputRange& input, const std::string& driver);

/// 16 hexadecimal digits from everything but the driver: the engine's name in the store.
std::string id_of(const EngineIdentity& identity);

/// In words, each part in which a cached engine differs from the wanted one; the driver is not among them.
std::vector<std::string> differences(const EngineIdentity& kept, const EngineIdentity& wanted);

/// One number of a validation against its limit.
struct ValidationCheck {
  std::string name;  ///< "objects matched", "box, pixels", "mask IoU"
  double value = 0, limit = 0;
  bool at_least = false;  ///< the limit is a lower one
  bool holds() const { return at_least ? value >= limit : value <= limit; }
};

/// A program that shares neither reader nor graph nor decoding with us, and runs the same file: what it
/// found, beside ours.
struct Witness {
  enum class Verdict { none, agrees, disagrees };
  Verdict verdict = Verdict::none;
  std::string name{};  ///< "PyTorch 2.15.0, Ultralytics 8.4.190"; empty where there is none
  std::string note =
      "this record is from before independent programs were compared";  ///< what was compared, or why there
                                                                        ///< is none
};
/// "agrees", "disagrees", "no independent witness".
const char* to_string(Witness::Verdict verdict) noexcept;
/// "PyTorch 2.15.0, Ultralytics 8.4.190 agrees (43 objects)", "no independent witness (...)".
std::string to_string(const Witness& witness);

/// How an engine compared with the FP32 reference on real images; src/tools/validate fills it.
struct ValidationRecord {
  bool ran = true;        ///< false: "built, not run", on a machine that cannot run it
  std::string reference;  ///< what it was compared with: "openvino fp32"
  std::string driver;     ///< Identity::driver at that time
  std::string date;       ///< UTC, ISO 8601
  int images = 0, objects = 0;
  std::vector<ValidationCheck> checks;
  std::string note;  ///< what a reader should know: "under 20 objects: raw head tensors compared"
  /// Objects that deviated from the reference, those that only lost a tie in NMS marked so.
  std::vector<std::string> mismatches{};
  std::string conditions{};   ///< digest of the limits and images; empty: written before this was kept
  std::string unavailable{};  ///< "bf16 is not available on this CPU: openvino ran fp32"; empty: it ran in
                              ///< what was asked for
  Witness witness{};          ///< its numbers are among the checks

  /// It ran, in the precision that was asked for, there is something that was checked, and all of it holds.
  bool passed() const;
};
/// "passed", "failed: box, pixels 2.1 (limit 1.5)", "built, not run", and unavailable as it stands.
std::string verdict(const ValidationRecord& record);

struct Manifest {
  std::string id;  ///< id_of(identity)
  EngineIdentity identity;
  ModelInfo model;  ///< all that running it needs: the model's file is no longer asked for
  Precision effective_precision = Precision::fp32;  ///< what Engine::precision() reported
  std::string plan_sha256;
  std::uint64_t plan_bytes = 0;
  std::string built_at;  ///< UTC, ISO 8601
  double build_seconds = 0;
  std::vector<std::string> notes{};  ///< what the builder had to say: Plan::notes
  std::optional<ValidationRecord> validation;
};

/// Now, as the manifests write it: "2026-11-23T21:54:29Z".
std::string utc_now();

// JSON in an envelope with its own digest (json_envelope.h). `where` names the file in errors:
// "store.damaged", "store.version".
std::string write_manifest(const Manifest& manifest);
Manifest read_manifest(std::string_view text, const std::string& where);

}  // namespace peregrine::store
