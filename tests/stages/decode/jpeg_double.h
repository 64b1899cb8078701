// An nvJPEG that is none (doubles/nvjpeg.cpp) over a CUDA that is none: the decoder's own part runs without a
// GPU.
#pragma once

#include <dlfcn.h>
#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/fake_cuda.h"
#include "support/test_data.h"

namespace peregrine::test {

/// Loads the double under nvJPEG's name before anybody asks for that: the loader gives out what is there
/// already.
class JpegDouble : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(PEREGRINE_DOUBLE))
      GTEST_SKIP() << "skipped: the double of nvJPEG lies in the build folder";
    library_ = dlopen(PEREGRINE_DOUBLE, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    ASSERT_TRUE(library_) << dlerror();
    reset();
  }
  void TearDown() override {
    if (!library_) return;
    EXPECT_EQ(call<int()>("double_alive")(), 0) << "everything is given back";
    EXPECT_THAT(cuda_.misuse(), ::testing::IsEmpty());
  }

  void reset() const { call<void()>("double_reset")(); }
  void without_engine() const { call<void()>("double_without_engine")(); }
  void supports_nothing() const { call<void()>("double_supports_nothing")(); }
  void fail(const char* function, int status) const {
    call<void(const char*, int)>("double_fail")(function, status);
  }
  /// The calls since the last question, a line each.
  std::string calls() const { return call<const char*()>("double_calls")(); }

  static std::vector<std::byte> image(const std::string& name) {
    std::ifstream file(repository_file("tests/stages/decode/data/pictures/" + name), std::ios::binary);
    const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
    std::vector<std::byte> bytes(text.size());
    std::memcpy(bytes.data(), text.data(), text.size());
    return bytes;
  }
  /// Its header is whole, its end marker too; what lies between is not.
  static std::vector<std::byte> damaged(const std::string& name) {
    std::vector<std::byte> file = image(name);
    for (std::size_t i = file.size() * 2 / 3; i + 2 < file.size(); ++i) file[i] = std::byte{0xff};
    return file;
  }

  FakeCuda cuda_;

 private:
  template <class Function>
  Function* call(const char* name) const {
    return reinterpret_cast<Function*>(dlsym(library_, name));
  }
  void* library_ = nullptr;
};

}  // namespace peregrine::test
