// Where test data lies. Tests that need data that is absent skip with a sentence that says so.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace peregrine::test {

/// The real weights, images and reference results: PEREGRINE_TEST_DATA, else ../shared/data beside the
/// checkout; nothing where neither exists.
std::optional<std::filesystem::path> shared_data();

/// A file of the shared weights. One that lies there packed is taken from PEREGRINE_SOAK_WEIGHTS, a folder
/// with it unpacked (xz -dk); nothing where it is not there either.
std::optional<std::filesystem::path> shared_weights(const std::filesystem::path& data,
                                                    const std::string& file);

/// A file of this repository, relative to its root.
std::filesystem::path repository_file(const std::filesystem::path& relative);

/// A fresh folder that is removed when the object dies.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace peregrine::test

/// Skips the test when the shared data is absent, naming how to provide it.
#define PEREGRINE_NEED_SHARED_DATA(variable)                                                \
  const auto variable##_optional = ::peregrine::test::shared_data();                        \
  if (!variable##_optional) GTEST_SKIP() << "no shared test data: set PEREGRINE_TEST_DATA"; \
  const std::filesystem::path& variable = *variable##_optional

/// Skips the test when a file of the shared weights is only there packed, naming how to provide it.
#define PEREGRINE_NEED_WEIGHTS(variable, data, file)                                        \
  const auto variable##_optional = ::peregrine::test::shared_weights(data, file);           \
  if (!variable##_optional)                                                                 \
    GTEST_SKIP() << (file) << " is packed: unpack it into PEREGRINE_SOAK_WEIGHTS (xz -dk)"; \
  const std::filesystem::path& variable = *variable##_optional
