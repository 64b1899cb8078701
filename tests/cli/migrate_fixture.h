// `peregrine migrate` over the demo models in a folder of its own, as a user runs it.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "support/test_data.h"

namespace peregrine::test {

class MigrateCommand : public testing::Test {
 protected:
  using Words = std::vector<std::string>;

  static std::string demo(const std::string& name) { return repository_file("models/demo/" + name).string(); }

  /// With --allow-cpu and the store of this test.
  CommandResult run(Words words, const std::string& interrupt_after = "",
                    const std::function<void()>& in_child = {}) const {
    words.insert(words.end(), {"--allow-cpu", "--store", store_.string()});
    return run_command(words, folder_.path().string(), interrupt_after, in_child);
  }
  /// `migrate` of one model for small images, which is validated quickly, and whatever else.
  static Words migrate(const Words& more = {}, const std::string& model = demo("demo-detect.pt")) {
    Words words{"migrate", "--detect", model, "--imgsz", "160", "--yes"};
    if (std::ranges::count(more, "--baseline") == 0) words.insert(words.end(), {"--baseline", "none"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  nlohmann::json state() const { return nlohmann::json::parse(run({"engines", "list", "--json"}).out); }

  /// Every file under the folder of this test, and what is in it.
  std::map<std::string, std::string> tree() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      std::ifstream file(entry.path(), std::ios::binary);
      files[entry.path().string()] = entry.is_regular_file()
                                         ? std::string(std::istreambuf_iterator<char>(file), {})
                                         : std::string("folder");
    }
    return files;
  }

  TemporaryFolder folder_;
  std::filesystem::path store_ = folder_.path() / "store";
  std::string image_ = demo("scenes/val2017/000000.jpg");
};

}  // namespace peregrine::test
