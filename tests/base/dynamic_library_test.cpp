#include "base/dynamic_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
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

}  // namespace
}  // namespace peregrine
