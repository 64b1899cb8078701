// Tensors in every layout that torch.save has written. The files are made by
// tools/fixtures/make_checkpoints.py (torch 2.15 writes the same zip archives, byte for byte), those of old
// versions by these and make_old_tensors.py.
#include "formats/torch/checkpoint.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "peregrine/error.h"
#include "support/checkpoint_writer.h"
#include "support/test_data.h"

namespace peregrine::torch {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

std::string read(const std::string& name) {
  std::ifstream file(test::repository_file("tests/formats/data/" + name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::vector<float> values(const HostTensor& tensor) {
  return {tensor.as<float>(), tensor.as<float>() + tensor.shape().elements()};
}

class Layout : public testing::TestWithParam<const char*> {};

TEST_P(Layout, GivesTheTensors) {
  const std::string file = read(GetParam());
  ASSERT_FALSE(file.empty());
  Checkpoint checkpoint(bytes_of(file));
  const auto tensor = [&](const char* name) {
    return checkpoint.tensor(*pickle::find(checkpoint.root(), name));
  };

  const float base[] = {-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f, 3.5f, 4.5f, 5.5f, 6.5f, 7.5f, 8.5f};
  const bool first =
      std::string(GetParam()) == "tensors-torch-1.0.0.pth";  // which had neither bfloat16 nor bool
  for (const char* name : {"f32", "f16", "bf16", "f64"}) {
    if (first && std::string(name) == "bf16") continue;
    EXPECT_EQ(tensor(name).shape(), (Shape{3, 4})) << name;
    EXPECT_THAT(values(tensor(name)), ElementsAreArray(base)) << name;
  }
  EXPECT_THAT(values(tensor("i64")), ElementsAre(1, -2, 1099511627776.f));
  EXPECT_THAT(values(tensor("i32")), ElementsAre(7, -8));
  EXPECT_THAT(values(tensor("i8")), ElementsAre(-128, 127));
  EXPECT_THAT(values(tensor("u8")), ElementsAre(0, 255));
  if (!first) {
    EXPECT_THAT(values(tensor("bool")), ElementsAre(1, 0));
  }
  EXPECT_EQ(tensor("scalar").shape(), Shape{});
  EXPECT_THAT(values(tensor("scalar")), ElementsAre(1.5f));
  EXPECT_EQ(tensor("transposed").shape(), (Shape{4, 3}));
  EXPECT_THAT(values(tensor("transposed")),
              ElementsAre(-2.5f, 1.5f, 5.5f, -1.5f, 2.5f, 6.5f, -0.5f, 3.5f, 7.5f, 0.5f, 4.5f, 8.5f));
  EXPECT_THAT(values(tensor("tail")), ElementsAre(3.5f, 4.5f, 7.5f, 8.5f));
  EXPECT_THAT(values(tensor("parameter")), ElementsAre(1, 1));
  EXPECT_EQ(tensor("empty").shape(), (Shape{0, 3}));
  EXPECT_THROW(tensor("i16"), Error) << "a type without arithmetic is an error only when it is needed";
}

INSTANTIATE_TEST_SUITE_P(TorchSave, Layout,
                         testing::Values("tensors-zip-0.pth", "tensors-zip-2.pth", "tensors-zip-5.pth",
                                         "tensors-older-0.pth", "tensors-older-1.pth", "tensors-older-4.pth",
                                         "tensors-big-endian.pth", "tensors-torch-1.0.0.pth",
                                         "tensors-torch-1.6.0.pth"),
                         [](const auto& test) {
                           std::string name = test.param;
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

/// Reads the one tensor that an archive of twelve floats claims.
std::string error_of(const test::TensorClaim& claim) {
  const std::string file =
      test::write_checkpoint(test::pickle(test::pickle_tensor(claim)), {std::string(48, '\0')});
  try {
    Checkpoint checkpoint(bytes_of(file));
    checkpoint.tensor(checkpoint.root());
    return "no error";
  } catch (const Error& error) {
    return error.code();
  }
}

TEST(TensorBounds, HonestClaimsAreRead) {
  EXPECT_EQ(error_of({.storage_elements = 12, .shape = {3, 4}}), "no error");
  EXPECT_EQ(error_of({.storage_elements = 12, .offset = 3, .shape = {3, 3}, .strides = {3, 1}}), "no error");
  EXPECT_EQ(error_of({.storage_elements = 12, .shape = {3, 3}, .strides = {1, 3}}), "no error");
  EXPECT_EQ(error_of({.storage_elements = 12, .offset = 12, .shape = {0}}), "no error");
}

TEST(TensorBounds, ClaimsBeyondTheStorageAreRefused) {
  EXPECT_EQ(error_of({.storage_elements = 12, .shape = {3, 5}}), "model.tensor");
  EXPECT_EQ(error_of({.storage_elements = 12, .offset = 1, .shape = {3, 4}}), "model.tensor");
  EXPECT_EQ(error_of({.storage_elements = 12, .offset = -1, .shape = {2}}), "model.tensor");
  EXPECT_EQ(error_of({.storage_elements = 12, .shape = {-1}}), "model.tensor");
  EXPECT_EQ(error_of({.storage_elements = 12, .shape = {2}, .strides = {-1}}), "model.tensor");
  EXPECT_EQ(error_of({.storage_elements = 12, .shape = {2, 2}, .strides = {1}}), "model.tensor");
  EXPECT_EQ(
      error_of(
          {.storage_elements = 12, .offset = 2147483647, .shape = {2147483647}, .strides = {2147483647}}),
      "model.tensor");
  EXPECT_EQ(error_of({.storage_elements = 12,
                      .shape = std::vector<std::int32_t>(5, 2147483647),
                      .strides = {0, 0, 0, 0, 0}}),
            "model.tensor");
  EXPECT_EQ(error_of({.storage_elements = 13, .shape = {3, 4}}), "model.truncated");
  EXPECT_EQ(error_of({.storage_elements = -1, .shape = {1}}), "model.pickle");
  EXPECT_EQ(error_of({.storage = "7", .storage_elements = 12, .shape = {1}}), "model.damaged");
  EXPECT_EQ(error_of({.storage_elements = 12, .shape = {1}, .storage_type = "QInt8Storage"}),
            "model.storage");
  EXPECT_EQ(error_of({.storage_elements = 12, .shape = std::vector<std::int32_t>(9, 1)}), "model.rank");
}

TEST(TensorBounds, AnExpandedTensorCannotOutgrowTheFile) {
  EXPECT_EQ(error_of({.storage_elements = 12, .shape = {1 << 20, 1 << 10}, .strides = {0, 0}}), "model.size");
}

}  // namespace
}  // namespace peregrine::torch
