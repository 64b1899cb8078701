#include "core/os/dynamic_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>

#include "peregrine/error.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

constexpr std::array<std::string_view, 2> mathematics{"libdoesnotexist.so.1", "libm.so.6"};

TEST(DynamicLibrary, FindsBySonameAndResolves) {
  const DynamicLibrary library = DynamicLibrary::load({"the mathematics library", mathematics, {}, {}});
  EXPECT_TRUE(library.path().is_absolute());
  auto* cosine = library.get<double(double)>("cos");
  EXPECT_EQ(cosine(0), 1.0);
  EXPECT_EQ(library.find("no_such_function"), nullptr);
  EXPECT_THROW(library.get<void()>("no_such_function"), Error);
}

TEST(DynamicLibrary, WhatIsMissingIsNamedWithTheWayToGetIt) {
  constexpr std::array<std::string_view, 1> names{"libcudnn.so.99"};
  try {
    DynamicLibrary::load({"cuDNN 99", names, "cudnn/lib", "Install cuDNN 99."});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "environment.library");
    EXPECT_EQ(error.sentence(), "cuDNN 99 (libcudnn.so.99) was not found.");
    EXPECT_EQ(error.hint(), "Install cuDNN 99.");
  }
}

TEST(DynamicLibrary, BrokenFileIsNamed) {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "libbroken.so";
  std::ofstream(file) << "not a library";
  try {
    DynamicLibrary::load_file(file);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.sentence(), testing::HasSubstr("libbroken.so"));
  }
}

/// In a process whose LD_LIBRARY_PATH has elements that are the working directory, where a library lies: the
/// file that is loaded under its name, or the sentence of the error.
[[noreturn]] void load_beside(const char* file_name) {
  const test::TemporaryFolder folder;
  std::filesystem::copy_file(PEREGRINE_STRAY_LIBRARY, folder.path() / file_name);
  std::filesystem::current_path(folder.path());
  std::string words;
  try {
    const std::array<std::string_view, 1> names{file_name};
    words = DynamicLibrary::load({"It", names, {}, {}}).path().string();
  } catch (const Error& error) {
    words = error.sentence();
  }
  std::fputs(words.c_str(), stderr);
  std::_Exit(0);
}

TEST(DynamicLibraryDeathTest, NothingOfTheWorkingDirectoryIsTaken) {
  GTEST_FLAG_SET(death_test_style,
                 "threadsafe");  // a process of its own, that reads LD_LIBRARY_PATH as it begins
  setenv("LD_LIBRARY_PATH", ":.:relative:", 1);
  EXPECT_EXIT(load_beside("libnowhere.so.1"), testing::ExitedWithCode(0),
              "It .libnowhere.so.1. was not found");
  EXPECT_EXIT(load_beside("libm.so.6"), testing::ExitedWithCode(0), "^/.*/libm.so.6$");
  unsetenv("LD_LIBRARY_PATH");
}

}  // namespace
}  // namespace peregrine
