// `build` for TensorRT-RTX on a machine without a GPU, as a user does it, with the real library.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "command.h"
#include "faults.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class TensorRtCommands : public testing::Test {
 protected:
  void SetUp() override {
    if (PEREGRINE_SANITIZED) GTEST_SKIP() << "skipped: the library is not instrumented";
    if (!fs::exists(fs::path(PEREGRINE_COMMAND).parent_path() / "../lib/peregrine/libtensorrt_rtx.so.1"))
      GTEST_SKIP() << "skipped: no TensorRT-RTX here; tools/setup/setup.sh cuda fetches it";
    setenv("CUDA_VISIBLE_DEVICES", "-1", 1);
  }
  test::CommandResult run(std::vector<std::string> arguments, const std::string& interrupt_after = "",
                          const std::function<void()>& in_child = {}) const {
    arguments.insert(arguments.end(), {"--store", root_.string()});
    return test::run_command(arguments, folder_.path().string(), interrupt_after, in_child);
  }
  test::CommandResult build(std::vector<std::string> more = {},
                            const std::string& interrupt_after = "") const {
    more.insert(more.begin(), {"build", model_, "--engine", "tensorrt-rtx"});
    return run(more, interrupt_after);
  }
  std::vector<fs::path> engines() const {
    std::vector<fs::path> all;
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator(root_ / "engines", absent)) all.push_back(entry.path());
    return all;
  }

  test::TemporaryFolder folder_;
  fs::path root_ = folder_.path() / "store";
  std::string model_ = test::repository_file("models/demo/demo-detect.pt").string();
};

TEST_F(TensorRtCommands, WithoutADeviceAnEngineIsBuiltAndNotRun) {
  const auto built = build({"--batch", "1:2:4", "--opt-level", "2", "--workspace", "512", "--out", "copy"});
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_THAT(built.out, HasSubstr("verification: built, not run"));
  EXPECT_THAT(built.err, HasSubstr("layers compute in FP16"));
  EXPECT_TRUE(fs::exists(folder_.path() / "copy"));
  ASSERT_EQ(engines().size(), 1u);
  const std::string id = engines()[0].filename();
  EXPECT_THAT(run({"engines", "show", id}).out, AllOf(HasSubstr("tensorrt-rtx"), HasSubstr("no GPU")));

  const auto refused = run({"engines", "use", id});
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("built, not run"), HasSubstr("--unverified")));
  EXPECT_EQ(run({"engines", "use", id, "--unverified"}).status, 0);
}

TEST_F(TensorRtCommands, AnOnnxFileIsBuiltLikewise) {
  ASSERT_EQ(test::run_command({"export", model_, "-o", "m.onnx", "--batch", "dynamic", "--precision", "fp32"},
                              folder_.path().string())
                .status,
            0);
  const auto built = run({"build", "m.onnx", "--engine", "tensorrt-rtx", "--imgsz", "320", "--batch", "1:2:4",
                          "--precision", "fp32"});
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_THAT(built.out, AllOf(HasSubstr("tensorrt-rtx, fp32, 1..4x3x320x320"), HasSubstr("built, not run")));
}

TEST_F(TensorRtCommands, CtrlCLeavesNothingBehind) {
  const auto cancelled = build({}, "demo-detect.pt: ");
  EXPECT_EQ(cancelled.status, 130) << cancelled.err;
  EXPECT_TRUE(engines().empty());
}

TEST_F(TensorRtCommands, AFullDiskLeavesNothing) {
  for (const bool file : {false, true}) {
    std::vector<std::string> arguments{"build", model_, "--engine", "tensorrt-rtx"};
    if (file) arguments.insert(arguments.end(), {"--ultralytics", "--out", "m.engine"});
    const auto refused = run(arguments, "", test::limit_file_size);
    EXPECT_EQ(refused.status, file ? 1 : 3) << refused.err;  // a file as of every command, or the store
    EXPECT_THAT(refused.err, HasSubstr("cannot be written: "));
    EXPECT_TRUE(engines().empty());
    for (const auto& entry : fs::directory_iterator(folder_.path()))
      EXPECT_EQ(entry.path().filename(), "store");
  }
}

TEST_F(TensorRtCommands, WithoutPermissionNothingIsBuilt) {
  const fs::path closed = folder_.path() / "closed";
  fs::create_directory(closed);
  fs::permissions(closed, fs::perms::owner_read | fs::perms::owner_exec);
  const auto store =
      test::run_command({"build", model_, "--engine", "tensorrt-rtx", "--store", (closed / "store").string()},
                        folder_.path().string(), "", test::obey_permissions);
  EXPECT_EQ(store.status, 3) << store.err;
  EXPECT_THAT(store.err, AllOf(HasSubstr("cannot be written: Permission denied"), HasSubstr("--store")));
  const auto file = run(
      {"build", model_, "--engine", "tensorrt-rtx", "--ultralytics", "--out", (closed / "m.engine").string()},
      "", test::obey_permissions);
  EXPECT_EQ(file.status, 1) << file.err;
  EXPECT_THAT(file.err, AllOf(HasSubstr("m.engine"), HasSubstr("cannot be written: Permission denied")));
  const auto copy = run({"build", model_, "--engine", "tensorrt-rtx", "--out", (closed / "copy").string()},
                        "", test::obey_permissions);
  EXPECT_EQ(copy.status, 3) << copy.err;
  EXPECT_EQ(engines().size(), 1u) << "the store has it all the same";
  EXPECT_TRUE(fs::is_empty(closed));
  fs::permissions(closed, fs::perms::owner_all);
}

TEST_F(TensorRtCommands, AFileInUltralyticsLayoutIsWrittenAndOnlyTensorRtRunsIt) {
  const auto built = build({"--ultralytics"});
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_THAT(built.out,
              AllOf(HasSubstr("demo-detect.engine: from demo-detect.pt"), HasSubstr("built, not run")));
  EXPECT_THAT(built.err, AllOf(HasSubstr("in FP32: 'decode.softmax"), HasSubstr("positions in pixels")));
  EXPECT_TRUE(engines().empty());
  const std::string image = test::repository_file("models/demo/scenes/val2017/000000.jpg").string();
  const auto refused = run({"predict", "--model", "demo-detect.engine", "--allow-cpu", "--source", image});
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err,
              HasSubstr("demo-detect.engine is an engine of TensorRT, which the openvino engine cannot run"));
  EXPECT_EQ(run({"build", test::repository_file("models/demo/demo-reid.pth").string(), "--engine",
                 "tensorrt-rtx", "--ultralytics"})
                .status,
            2);
  EXPECT_EQ(run({"build", model_, "--engine", "openvino", "--allow-cpu", "--ultralytics"}).status, 2);
}

TEST_F(TensorRtCommands, WhatDoesNotFitIsSaid) {
  EXPECT_EQ(build({"--batch", "4:2:1"}).status, 2);
  EXPECT_EQ(build({"--batch", "1:4"}).status, 2);
  EXPECT_EQ(build({"--opt-level", "6"}).status, 2);
  const auto nowhere = build({"--tensorrt", folder_.path().string()});
  EXPECT_EQ(nowhere.status, 3);
  EXPECT_THAT(nowhere.err, HasSubstr("holds no library of TensorRT"));
  EXPECT_EQ(run({"build", model_, "--allow-cpu", "--engine", "openvino", "--batch", "1:2:4"}).status, 2);
  EXPECT_TRUE(engines().empty());
}

TEST_F(TensorRtCommands, TheTimingCacheGoesWhereItIsNamed) {
  const auto built = build({"--timing-cache", "measured.cache"});
  ASSERT_EQ(built.status, 0) << built.err;
  EXPECT_TRUE(fs::exists(folder_.path() / "measured.cache"));
}

#if PEREGRINE_CUDA
/// A folder with the names of a double's files, that leads to them.
void link_double(const char* name, const fs::path& to) {
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(fs::path(PEREGRINE_DOUBLES) / name))
    fs::create_symlink(entry.path(), to / entry.path().filename());
}

TEST_F(TensorRtCommands, DoctorListsWhatEachPlaceHas) {
  const fs::path doubles = PEREGRINE_DOUBLES, python = folder_.path() / "venv";
  link_double("run11", python / "lib/python3.12/site-packages/tensorrt_libs");
  link_double("run10_0", folder_.path());  // the working directory: never looked at
  const auto with = [&](const char* variable, const std::string& value) {
    setenv(variable, value.c_str(), 1);
    const auto result = run({"doctor"});
    unsetenv(variable);
    return result.out;
  };
  EXPECT_THAT(
      with("LD_LIBRARY_PATH", doubles / "run10"),
      AllOf(HasSubstr("TensorRT 10.16.1"), HasSubstr("with libnvonnxparser.so.10 (the loader's path)")));
  EXPECT_THAT(with("VIRTUAL_ENV", python),
              AllOf(HasSubstr("TensorRT 11.1.0"), HasSubstr("(Python's packages)")));
  EXPECT_THAT(with("TENSORRT_LIB_DIR", doubles / "new"),
              AllOf(HasSubstr("12.0.0"), HasSubstr("not supported")));
  EXPECT_THAT(with("TENSORRT_LIB_DIR", doubles / "alone"), HasSubstr("parser is missing"));
  setenv("TENSORRT_LIB_DIR", (doubles / "new").c_str(), 1);
  setenv("VIRTUAL_ENV", python.c_str(), 1);
  const std::string all = with("LD_LIBRARY_PATH", doubles / "run10");
  unsetenv("TENSORRT_LIB_DIR");
  unsetenv("VIRTUAL_ENV");
  std::size_t last = 0;  // one line a library, in the order of the search
  for (const char* place :
       {"(TENSORRT_LIB_DIR)", "(the loader's path)", "(peregrine's own folder)", "(Python's packages)"}) {
    const std::size_t at = all.find(place);
    ASSERT_NE(at, std::string::npos) << place << "\n" << all;
    EXPECT_GT(at, last) << place << "\n" << all;
    last = at;
  }
  for (const char* path : {"", ":", "."}) {
    const std::string own = with("LD_LIBRARY_PATH", path);
    EXPECT_THAT(own, AllOf(HasSubstr("TensorRT-RTX 1.7.1"), HasSubstr("peregrine's own folder"),
                           Not(HasSubstr("10.0.0"))));
  }
}
#endif

}  // namespace
}  // namespace peregrine
