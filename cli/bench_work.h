// The batch that `bench` runs repeatedly.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "peregrine/pipeline.h"
#include "predictor/person_embedder.h"

namespace peregrine::cli {

class Work {
 public:
  virtual ~Work() = default;
  virtual std::vector<ImageResult> run() = 0;
  virtual RunInfo info() const = 0;
};

/// The files, or without any an image of waves that is decoded already; as many as the settings' batch.
class DetectorWork final : public Work {
 public:
  DetectorWork(const Settings& settings, const PipelineOptions& options,
               const std::vector<std::string>& sources);
  std::vector<ImageResult> run() override;
  RunInfo info() const override { return pipeline_.info(); }

 private:
  Pipeline pipeline_;
  HostImage image_;
  std::vector<std::string> files_;
  std::vector<ImageView> views_;
};

/// ReID alone. Each file is one person; they are decoded before anything is measured.
class ReidWork final : public Work {
 public:
  ReidWork(const Settings& settings, const PipelineOptions& options, const std::filesystem::path& model,
           const std::vector<std::string>& sources);
  std::vector<ImageResult> run() override;
  RunInfo info() const override { return info_; }

 private:
  std::vector<HostImage> images_;
  std::vector<ImageView> persons_;
  RunInfo info_;
  std::unique_ptr<predictor::PersonEmbedder> embedder_;
};

}  // namespace peregrine::cli
