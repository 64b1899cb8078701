// Standard output that cannot be written, and too little memory: said in one sentence, whatever the command.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <nlohmann/json.hpp>

#include "command.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

std::string demo(const std::string& name) { return test::repository_file("models/demo/" + name).string(); }

void onto_full_disk() { dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO); }
void onto_nothing() { close(STDOUT_FILENO); }
void onto_broken_pipe() {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return;
  close(ends[0]);
  dup2(ends[1], STDOUT_FILENO);
}

Words predict(const Words& more) {
  Words words{"predict", "--allow-cpu",          "--engine", "openvino",
              "--model", demo("demo-detect.pt"), "--source", demo("scenes/val2017/000000.jpg")};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

void expect_said(const Words& words, const std::function<void()>& output) {
  const test::TemporaryFolder folder;
  const auto result = test::run_command(words, folder.path().string(), "", output);
  EXPECT_EQ(result.status, 1) << testing::PrintToString(words) << result.err;
  EXPECT_THAT(result.err,
              testing::AllOf(HasSubstr("Standard output cannot be written"), Not(HasSubstr("Unexpected"))))
      << testing::PrintToString(words);
}

TEST(StandardOutput, ThatCannotBeWrittenIsExitOne) {
  const std::vector<Words> commands{predict({}),
                                    {"engines", "list", "--json"},
                                    {"completion", "bash"},
                                    {"selftest", "--guard"},
                                    {"--help"},
                                    {"migrate", "--list-backups"},
                                    {"export", demo("demo-detect.pt"), "-o", "m.onnx"}};
  for (const Words& words : commands) expect_said(words, onto_full_disk);
  for (const auto& output : {onto_full_disk, onto_nothing, onto_broken_pipe}) {
    expect_said({"config"}, output);
    expect_said(predict({"--json", "-"}), output);
  }
}

TEST(StandardOutput, IsNotMissedWhereNothingIsSaid) {
  const test::TemporaryFolder folder;
  const auto result =
      test::run_command(predict({"--quiet", "--json", "out.json"}), folder.path().string(), "", onto_nothing);
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST(StandardOutput, ALogThatCannotBeWrittenIsNoFailure) {
  const auto result = test::run_command(predict({"--source", demo("scenes/val2017/000001.jpg")}), ".", "",
                                        [] { dup2(open("/dev/full", O_WRONLY), STDERR_FILENO); });
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, HasSubstr("000001.jpg"));
}

/// Whatever is refused first: flags are read before the settings, and the settings before the store.
TEST(Log, HasEveryRefusalInItsFormat) {
  const test::TemporaryFolder folder;
  const std::string model = demo("demo-detect.pt");
  const std::vector<Words> refused{{"build", model, "--batch", "1:many:4"},
                                   {"build", model, "--batch", "many"},
                                   {"build", model, model, "--out", "copy"},
                                   {"predict", "--model", model, "--source", "none.jpg", "--imgsz", "x"},
                                   {"predict", "--model", model, "--source", model, "--json", model},
                                   {"val", "--model", "none.pt", "--data", "none"},
                                   {"bench", "--model", "none.pt"},
                                   {"explain", "none.pt", "none.pt", "--image", "none.jpg"},
                                   {"export", "none.pt", "-o", "m.onnx"},
                                   {"engines", "show", "none"},
                                   {"migrate", "--rollback", "--imgsz", "x"},
                                   {"selftest", "--engine", "none"},
                                   {"doctor", "--config", "none.toml"},
                                   {"config", "--config", "none.toml"}};
  for (Words words : refused) {
    words.insert(words.end(), {"--store", "store"});
    const auto plain = test::run_command(words, folder.path().string());
    words.push_back("--log-json");
    const auto json = test::run_command(words, folder.path().string());
    SCOPED_TRACE(testing::PrintToString(words) + json.err);
    EXPECT_NE(json.status, 0);
    EXPECT_THAT(plain.err, testing::StartsWith("error: "));
    const auto line = nlohmann::json::parse(json.err, nullptr, false);
    ASSERT_TRUE(line.is_object());
    EXPECT_EQ(line.at("level"), "error");
    EXPECT_EQ("error: " + line.at("message").get<std::string>() + "\n", plain.err);
  }
}

#if !PEREGRINE_SANITIZED  // whose shadow memory is larger than any limit
TEST(Memory, ThatRunsOutIsSaidInOneSentence) {
  const test::TemporaryFolder folder;
  ASSERT_EQ(test::run_command(predict({"--store", folder.path().string()})).status, 0);
  for (const rlim_t mebibytes : {320, 400, 480, 600}) {
    const auto result = test::run_command(predict({"--store", folder.path().string()}), ".", "", [mebibytes] {
      const rlimit limit{mebibytes << 20, mebibytes << 20};
      setrlimit(RLIMIT_AS, &limit);
    });
    EXPECT_THAT(result.status, testing::AnyOf(0, 3)) << mebibytes << " MiB: " << result.err;
    EXPECT_THAT(result.err,
                testing::AllOf(Not(HasSubstr("report")), Not(HasSubstr("Build the engine again"))))
        << mebibytes << " MiB: " << result.err;
    if (result.status != 3) continue;
    EXPECT_THAT(result.err, HasSubstr("memory")) << mebibytes << " MiB: " << result.err;
  }
}
#endif

}  // namespace
}  // namespace peregrine
