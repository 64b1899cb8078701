#include "formats/onnx/python_literal.h"

#include <gmock/gmock.h>

namespace peregrine::onnx {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;
using ::testing::Pair;

TEST(PythonLiteral, Names) {
  EXPECT_THAT(parse_names("{0: 'person', 1: \"cat's eye\", 7: 'car',}"),
              Optional(ElementsAre(Pair(0, "person"), Pair(1, "cat's eye"), Pair(7, "car"))));
  EXPECT_THAT(parse_names("['a', 'b']"), Optional(ElementsAre(Pair(0, "a"), Pair(1, "b"))));
  EXPECT_THAT(parse_names(R"({0: 'it\'s \\ \x41\u00e9\U0001f600\n'})"),
              Optional(ElementsAre(Pair(0, "it's \\ A\u00e9\U0001f600\n"))));
  EXPECT_THAT(parse_names(" { } "), Optional(ElementsAre()));
  EXPECT_THAT(parse_names("{0: 7, '1': -1.5, 2: None}"),
              Optional(ElementsAre(Pair(0, "7"), Pair(1, "-1.5"), Pair(2, "None"))));
}

TEST(PythonLiteral, Integers) {
  EXPECT_THAT(parse_integers("[640, 480]"), Optional(ElementsAre(640, 480)));
  EXPECT_THAT(parse_integers("(17, 3)"), Optional(ElementsAre(17, 3)));
  EXPECT_THAT(parse_integers("32"), Optional(ElementsAre(32)));
  EXPECT_THAT(parse_integers("-1"), Optional(ElementsAre(-1)));
}

TEST(PythonLiteral, AnythingElseIsNothing) {
  for (const char* text :
       {"", "person", "{0 'a'}", "{0: 'a'", "{0: a}", "{0: 'a'} x", "{'a': 0}", "['a' 'b']", "{0: 'a\\",
        "{0: '\\x4'}", "{99999999999999999999: 'a'}", "{0: '\\xzz'}"})
    EXPECT_EQ(parse_names(text), std::nullopt) << text;
  for (const char* text : {"", "[", "[1", "[1 2]", "[1.5]", "x", "1 2", "[1] 2", "99999999999999999999"})
    EXPECT_EQ(parse_integers(text), std::nullopt) << text;
}

TEST(PythonLiteral, PrintedNamesReadBack) {
  const std::vector<std::string> names{"person", "cat's eye", "back\\slash", "two\nlines", "\u00e9t\u00e9"};
  const auto back = parse_names(print_names(names));
  ASSERT_TRUE(back.has_value());
  ASSERT_EQ(back->size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(back->at(static_cast<std::int64_t>(i)), names[i]);
  EXPECT_EQ(print_names({"a", "b"}), "{0: 'a', 1: 'b'}");
}

}  // namespace
}  // namespace peregrine::onnx
