// A hint that a user meets and follows: the first run says it, the second one does what it says.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "support/test_data.h"

namespace peregrine::test {

/// `hint` as docs/reference/hints.md has it: {} stands for what is only known then.
struct Advice {
  std::string hint;
  std::vector<std::string> first;  ///< says the hint, and fails
  std::vector<std::string> then;   ///< does what it says
  int status = 0;                  ///< of the second run
  std::string says = "";           ///< and what it prints
};

/// Fails where a text has not the pieces of a template one behind the other.
inline void expect_hint(const std::string& text, const std::string& hint) {
  std::size_t at = 0;
  for (std::size_t begin = 0; begin <= hint.size();) {
    const std::size_t end = std::min(hint.find("{}", begin), hint.size());
    const std::size_t found = text.find(hint.substr(begin, end - begin), at);
    ASSERT_NE(found, std::string::npos) << "does not say: " << hint << "\n" << text;
    at = found + (end - begin);
    begin = end + 2;
  }
}

class Hints : public testing::Test {
 protected:
  using Words = std::vector<std::string>;

  static std::string demo(const std::string& name) { return repository_file("models/demo/" + name).string(); }
  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string write(const std::string& name, const std::string& contents) const {
    std::filesystem::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name, std::ios::binary) << contents;
    return file(name);
  }
  /// In the folder of this test, with a store of its own; the CPU may serve.
  CommandResult run(const Words& words, const std::function<void()>& in_child = {}) const {
    return run_command(words, folder_.path().string(), "", [&] {
      setenv("PEREGRINE_STORE", (folder_.path() / "store").c_str(), 1);
      setenv("PEREGRINE_FORCE_GPU_ONLY", "false", 1);
      setenv("CUDA_VISIBLE_DEVICES", "", 1);
      if (in_child) in_child();
    });
  }
  /// What a run prints that must fail.
  std::string refused(const Words& words, const std::function<void()>& in_child = {}) const {
    const CommandResult result = run(words, in_child);
    EXPECT_NE(result.status, 0) << testing::PrintToString(words);
    return result.out + result.err;
  }
  /// What a run prints that must succeed.
  std::string accepted(const Words& words) const {
    const CommandResult result = run(words);
    EXPECT_EQ(result.status, 0) << testing::PrintToString(words) << "\n" << result.out << result.err;
    return result.out + result.err;
  }
  void follow(const Advice& advice) const {
    SCOPED_TRACE(advice.hint);
    expect_hint(refused(advice.first), advice.hint);
    const CommandResult result = run(advice.then);
    EXPECT_EQ(result.status, advice.status) << result.out << result.err;
    EXPECT_THAT(result.out + result.err, testing::HasSubstr(advice.says));
  }
  void follow(const std::vector<Advice>& all) const {
    for (const Advice& advice : all) follow(advice);
  }

  TemporaryFolder folder_;
  std::string image_ = demo("scenes/val2017/000000.jpg");
};

}  // namespace peregrine::test
