#include "core/text.h"

#include <gtest/gtest.h>

namespace peregrine {
namespace {

TEST(Printable, KeepsText) {
  for (const char* text :
       {"", "bus.jpg", "Straße/\u6771\u4eac/\U0001f6b2.png", "\u00a0\u07ff\u0800\uffff\U0010ffff"})
    EXPECT_EQ(printable(text), text);
}

TEST(Printable, EscapesWhatIsNoText) {
  EXPECT_EQ(printable("caf\xe9.jpg"), "caf\\xe9.jpg");
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(printable("\xe0\x80\x80"), "\\xe0\\x80\\x80");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(printable("\xe6\x9d"), "\\xe6\\x9d");                    // cut
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(ValidUtf8, TellsTextFromBytes) {
  EXPECT_TRUE(valid_utf8(""));
  EXPECT_TRUE(valid_utf8("a\n\u6771\U0010ffff"));
  for (const char* bytes : {"\xff", "a\xc0\xaf", "\xed\xa0\x80", "\xe6\x9d"}) EXPECT_FALSE(valid_utf8(bytes));
}

}  // namespace
}  // namespace peregrine
