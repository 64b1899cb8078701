// The unpickler, opcode by opcode.
#include "formats/pickle/unpickler.h"

#include <gtest/gtest.h>

#include <string>

#include "peregrine/error.h"
#include "support/checkpoint_writer.h"

namespace peregrine::pickle {
namespace {

using namespace std::string_literals;

Parsed parse_text(const std::string& bytes) { return parse(std::as_bytes(std::span(bytes))); }

std::string code_of(const std::string& bytes) {
  try {
    parse_text(bytes);
  } catch (const Error& error) {
    return error.code();
  }
  return "no error";
}

std::string sentence_of(const std::string& bytes) {
  try {
    parse_text(bytes);
  } catch (const Error& error) {
    return error.sentence();
  }
  return "no error";
}

struct IntegerCase {
  std::string bytes;
  std::int64_t value;
};

TEST(Unpickler, IntegersOfAllProtocols) {
  const IntegerCase cases[] = {{"I-42\n.", -42},
                               {"I01\n.", 1},
                               {"L7L\n.", 7},
                               {"L-9223372036854775808L\n.", INT64_MIN},
                               {"J\xff\xff\xff\xff.", -1},
                               {"K\xff.", 255},
                               {"M\x01\xff.", 0xff01},
                               {"\x8a\0."s, 0},
                               {"\x8a\x02\xff\x7f.", 0x7fff},
                               {"\x8a\x01\x80.", -128},
                               {"\x8b\x03\0\0\0\0\0\x01."s, 1 << 16},
                               {"\x88.", 1},
                               {"\x89.", 0}};
  for (const IntegerCase& c : cases)
    EXPECT_EQ(integer(parse_text(c.bytes).document->root), c.value) << c.bytes;
}

TEST(Unpickler, IntegersBeyond64BitsKeepTheirDigits) {
  const Parsed binary = parse_text("\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.");
  ASSERT_TRUE(as<BigInteger>(binary.document->root));
  EXPECT_EQ(as<BigInteger>(binary.document->root)->digits, "0x1950a86a20f9469cfc6c");
  const Parsed decimal = parse_text("L119547037146038801333356L\n.");
  ASSERT_TRUE(as<BigInteger>(decimal.document->root));
  EXPECT_EQ(as<BigInteger>(decimal.document->root)->digits, "119547037146038801333356");
}

TEST(Unpickler, Floats) {
  EXPECT_EQ(number(parse_text("F-2.5e3\n.").document->root), -2500.0);
  EXPECT_EQ(number(parse_text("G\x3f\xf8\0\0\0\0\0\0."s).document->root), 1.5);
}

TEST(Unpickler, TextInAllSpellings) {
  for (const std::string& bytes :
       {"Vh\\u00e9\\U0001f6b2\n."s, "X\x07\0\0\0h\xc3\xa9\xf0\x9f\x9a\xb2."s,
        "\x8c\x07h\xc3\xa9\xf0\x9f\x9a\xb2."s, "\x8d\x07\0\0\0\0\0\0\0h\xc3\xa9\xf0\x9f\x9a\xb2."s,
        "S'h\\xc3\\xa9\\xf0\\x9f\\x9a\\xb2'\n."s, "U\x07h\xc3\xa9\xf0\x9f\x9a\xb2."s,
        "T\x07\0\0\0h\xc3\xa9\xf0\x9f\x9a\xb2."s}) {
    const Parsed parsed = parse_text(bytes);
    ASSERT_TRUE(text(parsed.document->root)) << bytes;
    EXPECT_EQ(*text(parsed.document->root), "h\u00e9\U0001f6b2");
  }
  const Parsed latin = parse_text("Vh\xe9\n.");
  EXPECT_EQ(*text(latin.document->root), "h\u00e9");
}

TEST(Unpickler, BytesAreNoText) {
  for (const std::string& bytes : {"C\x02\xff\0."s, "B\x02\0\0\0\xff\0."s, "\x8e\x02\0\0\0\0\0\0\0\xff\0."s,
                                   "\x96\x02\0\0\0\0\0\0\0\xff\0."s, "U\x02\xff\0."s}) {
    const Parsed parsed = parse_text(bytes);
    ASSERT_TRUE(as<Bytes>(parsed.document->root));
    EXPECT_EQ(as<Bytes>(parsed.document->root)->bytes, "\xff\0"s);
  }
}

/// numpy.core.multiarray.scalar(dtype(code), bytes) as NumPy pickles it, the bytes as given: in protocol 4
/// "C" and their count, in protocol 2 _codecs.encode(text, 'latin1').
std::string numpy_scalar(const std::string& code, const std::string& order, const std::string& bytes,
                         const std::string& package = "numpy._core") {
  return "c" + package + ".multiarray\nscalar\ncnumpy\ndtype\nU" + static_cast<char>(code.size()) + code +
         "\x89\x88\x87R(K\x03U\x01" + order + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"s + bytes +
         "\x86R.";
}

TEST(Unpickler, NumPysNumbersArePlainOnes) {
  const IntegerCase cases[] = {
      {numpy_scalar("i8", "<", "C\x08\xfd\xff\xff\xff\xff\xff\xff\xff"), -3},
      {numpy_scalar("i4", "<", "C\x04\xfd\xff\xff\xff", "numpy.core"), -3},
      {numpy_scalar("i4", ">", "C\x04\xff\xff\xff\xfd"), -3},
      {numpy_scalar("i2", "<", "C\x02\0\x80"s), -32768},
      {numpy_scalar("u1", "|", "C\x01\xc8"), 200},
      {numpy_scalar("u1", "|", "c_codecs\nencode\nX\x02\0\0\0\xc3\x88X\x06\0\0\0latin1\x86R"s), 200},
      {numpy_scalar("u4", "<", "C\x04\xff\xff\xff\xff"), 4294967295},
      {numpy_scalar("b1", "|", "C\x01\x01"), 1},
      {numpy_scalar("b1", "|", "C\x01\0"s), 0}};
  for (const IntegerCase& c : cases)
    EXPECT_EQ(integer(parse_text(c.bytes).document->root), c.value) << testing::PrintToString(c.bytes);
  EXPECT_TRUE(std::get<bool>(parse_text(numpy_scalar("b1", "|", "C\x01\x01")).document->root));
  const Parsed large = parse_text(numpy_scalar("u8", "<", "C\x08\0\0\0\0\0\0\0\x80"s));
  EXPECT_EQ(as<BigInteger>(large.document->root)->digits, "9223372036854775808");
  const auto real = [](const std::string& bytes) { return number(parse_text(bytes).document->root); };
  EXPECT_EQ(real(numpy_scalar("f8", "<", "C\x08\0\0\0\0\0\0\xf8\x3f"s)), 1.5);
  EXPECT_EQ(real(numpy_scalar("f4", "<", "C\x04\xcd\xcc\xcc\x3d")), double{0.1f});
  EXPECT_EQ(real(numpy_scalar("f2", "<", "C\x02\0\x40"s)), 2.0);
}

TEST(Unpickler, NumPysTextsArePlainOnes) {
  const auto text_of = [](const std::string& bytes) {
    const Parsed parsed = parse_text(bytes);
    const std::string* string = text(parsed.document->root);
    return string ? *string : "no text";
  };
  EXPECT_EQ(text_of(numpy_scalar("U2", "<", "C\x08\x61\0\0\0\xf1\0\0\0"s)), "a\u00f1");
  EXPECT_EQ(text_of(numpy_scalar("U1", ">", "C\x04\0\x01\xf6\xb2"s)), "\U0001f6b2");
  EXPECT_EQ(text_of(numpy_scalar("U3", "<", "C\x0c\x61\0\0\0\0\0\0\0\0\0\0\0"s)), "a") << "NULs at its end";
  EXPECT_EQ(text_of(numpy_scalar("U0", "<", "c__builtin__\nbytes\n)R")), "");
  const std::string encoded = "c_codecs\nencode\nX\x05\0\0\0\xc3\xb1\0\0\0X\x06\0\0\0latin1\x86R"s;
  EXPECT_EQ(text_of(numpy_scalar("U1", "<", encoded)), "\u00f1");
  const Parsed bytes = parse_text(numpy_scalar("S2", "|", "C\x02\xff\0"s));
  EXPECT_EQ(as<Bytes>(bytes.document->root)->bytes, "\xff");
}

TEST(Unpickler, OtherScalarsOfNumPyStayCalls) {
  for (const std::string& bytes :
       {numpy_scalar("f2", "<", "C\x02\x66\x2e"), numpy_scalar("c8", "<", "C\x08" + std::string(8, '\0')),
        numpy_scalar("M8", "<", "C\x08" + std::string(8, '\0')), numpy_scalar("i8", "<", "C\x04\0\0\0\0"s),
        numpy_scalar("i3", "<", "C\x03\0\0\0"s), numpy_scalar("U1", "<", "C\x04\0\xd8\0\0"s),
        numpy_scalar("i", "<", "C\0"s), numpy_scalar("b0", "|", "C\0"s),
        numpy_scalar("U4611686018427387905", "<", "C\x04\0\0\0\0"s)})
    EXPECT_EQ(class_name(parse_text(bytes).document->root), "numpy._core.multiarray.scalar")
        << testing::PrintToString(bytes);
}

TEST(Unpickler, TuplesListsSets) {
  for (const std::string& bytes : {"K\x01K\x02\x86."s, "(K\x01K\x02t."s, "(K\x01K\x02l."s,
                                   "](K\x01K\x02"
                                   "e."s,
                                   "]K\x01"
                                   "aK\x02"
                                   "a."s,
                                   "\x8f(K\x01K\x02\x90."s, "(K\x01K\x02\x91."s,
                                   "c__builtin__\nset\n](K\x01K\x02"
                                   "e\x85R."s,
                                   "ctorch\nSize\nK\x01K\x02\x86\x85R."s}) {
    const Parsed parsed = parse_text(bytes);
    const auto content = items(parsed.document->root);
    ASSERT_TRUE(content) << bytes;
    ASSERT_EQ(content->size(), 2u) << bytes;
    EXPECT_EQ(integer((*content)[1]), 2);
  }
  EXPECT_EQ(items(parse_text(").").document->root)->size(), 0u);
  EXPECT_EQ(items(parse_text("NNN\x87.").document->root)->size(), 3u);
}

TEST(Unpickler, DictsAndTheirLastValueCounts) {
  for (const std::string& bytes : {"}U\x01"
                                   "aK\x01sU\x01"
                                   "aK\x02s."s,
                                   "}(U\x01"
                                   "aK\x01U\x01"
                                   "aK\x02u."s,
                                   "(U\x01"
                                   "aK\x01U\x01"
                                   "aK\x02"
                                   "d."s,
                                   "ccollections\nOrderedDict\n)R(U\x01"
                                   "aK\x02u."s,
                                   "ccollections\nOrderedDict\n](U\x01"
                                   "aK\x02\x86"
                                   "e\x85R."s}) {
    const Parsed parsed = parse_text(bytes);
    const Value* value = find(parsed.document->root, "a");
    ASSERT_TRUE(value) << bytes;
    EXPECT_EQ(integer(*value), 2) << bytes;
    EXPECT_FALSE(find(parsed.document->root, "b"));
  }
}

TEST(Unpickler, MemoInAllSpellings) {
  for (const std::string& bytes : {"]p5\n0g5\n."s,
                                   "]q\x05"
                                   "0h\x05."s,
                                   "]r\x05\0\0\0"
                                   "0j\x05\0\0\0."s,
                                   "]\x94"
                                   "0h\0."s}) {
    const Parsed parsed = parse_text(bytes);
    EXPECT_TRUE(as<Sequence>(parsed.document->root)) << bytes;
  }
}

TEST(Unpickler, AListMayContainItself) {
  const Parsed parsed = parse_text(
      "]q\0h\0"
      "a."s);
  const auto* list = as<Sequence>(parsed.document->root);
  EXPECT_EQ(as<Sequence>(list->items.at(0)), list);
}

TEST(Unpickler, ObjectsStayNamesArgumentsAndState) {
  const std::string state =
      "}U\x01"
      "cK\x08s"
      "b";
  for (const std::string& bytes :
       {"cultralytics.nn.modules\nC2f\n)R"s + state + ".",
        "cultralytics.nn.modules\nC2f\n)\x81" + state + ".",
        "cultralytics.nn.modules\nC2f\n)}\x92" + state + ".", "(iultralytics.nn.modules\nC2f\n" + state + ".",
        "(cultralytics.nn.modules\nC2f\no" + state + ".",
        "\x8c\x16ultralytics.nn.modules\x8c\x03"
        "C2f\x93)\x81" +
            state + ".",
        "ccopy_reg\n_reconstructor\n(cultralytics.nn.modules\nC2f\nc__builtin__\nobject\nNtR" + state +
            "."}) {
    const Parsed parsed = parse_text(bytes);
    EXPECT_EQ(class_name(parsed.document->root), "ultralytics.nn.modules.C2f") << bytes;
    const auto* object = as<Object>(parsed.document->root);
    ASSERT_TRUE(object);
    ASSERT_TRUE(find(object->state, "c"));
    EXPECT_EQ(integer(*find(object->state, "c")), 8);
  }
}

TEST(Unpickler, PersistentIds) {
  const Parsed binary = parse_text("U\x01x\x85Q.");
  ASSERT_TRUE(as<PersistentId>(binary.document->root));
  const Parsed line = parse_text("Pkey 1\n.");
  ASSERT_TRUE(as<PersistentId>(line.document->root));
  EXPECT_EQ(*text(as<PersistentId>(line.document->root)->id), "key 1");
}

TEST(Unpickler, StackOperationsAndFrames) {
  EXPECT_EQ(integer(parse_text("\x80\x04\x95\x03\0\0\0\0\0\0\0K\x03."s).document->root), 3);
  EXPECT_EQ(integer(parse_text("K\x03K\x04"
                               "0.")
                        .document->root),
            3);
  EXPECT_EQ(integer(parse_text("K\x03(K\x04K\x05"
                               "1.")
                        .document->root),
            3);
  EXPECT_EQ(integer(parse_text("K\x03(0.").document->root), 3);
  EXPECT_EQ(items(parse_text("K\x03"
                             "2\x86.")
                      .document->root)
                ->size(),
            2u);
}

TEST(Unpickler, SaysHowMuchItRead) { EXPECT_EQ(parse_text("K\x01.K\x02.").consumed, 3u); }

TEST(Unpickler, KnownNamesAreHarmless) {
  for (const std::string& name :
       {"torch._utils\n_rebuild_tensor_v2"s, "ultralytics.nn.tasks\nDetectionModel"s, "numpy\nndarray"s,
        "collections\nOrderedDict"s, "pathlib\nPosixPath"s, "datetime\ndatetime"s, "__builtin__\ngetattr"s,
        "builtins\nset"s, "_codecs\nencode"s, "ultralytics.nn.modules.head\nDetect.forward"s})
    EXPECT_EQ(code_of(std::string("c").append(name).append("\n.")), "no error") << name;
}

TEST(Unpickler, OtherNamesAreRefusedByName) {
  for (const auto& [module, name] :
       {std::pair("os", "system"), std::pair("posix", "system"), std::pair("subprocess", "Popen"),
        std::pair("builtins", "eval"), std::pair("__builtin__", "exec"), std::pair("builtins", "__import__"),
        std::pair("torch.serialization", "os.system"), std::pair("numpy", "f2py.os.system"),
        std::pair("torchevil", "run"), std::pair("runpy", "_run_code"), std::pair("", "system"),
        std::pair("torch", "")}) {
    const std::string full = std::string(module) + "." + name;
    const std::string reduced = test::pickle_global(module, name) + "(U\x02idtR.";
    EXPECT_EQ(code_of(reduced), "model.refused") << full;
    EXPECT_NE(sentence_of(reduced).find(full), std::string::npos);
    EXPECT_EQ(code_of(std::string("(i").append(module).append("\n").append(name).append("\n.")),
              "model.refused")
        << full;
    EXPECT_EQ(code_of(test::pickle_text(module) + test::pickle_text(name) + "\x93."), "model.refused")
        << full;
  }
}

TEST(Unpickler, EveryCutIsAnError) {
  const std::string whole =
      "\x80\x02"
      "ctorch\nSize\n(K\x01M\x02\x03tR}(X\x01\0\0\0aF1.5\nu\x86."s;
  ASSERT_EQ(code_of(whole), "no error");
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_EQ(code_of(whole.substr(0, length)), "model.truncated") << length;
}

TEST(Unpickler, NonsenseIsAnError) {
  for (const std::string& bytes : {"."s,
                                   "t."s,
                                   "(K\x01"
                                   "0000."s,
                                   "K\x01s."s,
                                   "K\x01K\x02s."s,
                                   "}K\x01u."s,
                                   "}(K\x01u."s,
                                   "K\x01K\x02"
                                   "a."s,
                                   "h\x07."s,
                                   "Ix\n."s,
                                   "Fx\n."s,
                                   "L1xL\n."s,
                                   "Vx\\u12\n."s,
                                   "V\\ud800\n."s,
                                   "Sx\n."s,
                                   "S'\\q'\n."s,
                                   "S'\\'\n."s,
                                   "X\x01\0\0\0\xff."s,
                                   "K\x01)R."s,
                                   "(o."s,
                                   "NN\x93."s,
                                   "\xff."s,
                                   "\x82\x01."s,
                                   "\x97."s,
                                   "gx\n."s})
    EXPECT_EQ(code_of(bytes), "model.pickle") << testing::PrintToString(bytes);
}

TEST(Unpickler, ClaimsBeyondTheFileAllocateNothing) {
  for (const std::string& bytes :
       {"X\xff\xff\xff\xff."s, "\x8d\xff\xff\xff\xff\xff\xff\xff\xff."s, "\x8b\xff\xff\xff\x7f."s,
        "\x8e\0\0\0\0\0\0\0\x80."s, "T\xff\xff\xff\xff."s})
    EXPECT_EQ(code_of(bytes), "model.truncated");
  EXPECT_EQ(code_of("]r\xff\xff\xff\xffj\xff\xff\xff\xff."), "no error");  // a memo index claims no memory
}

TEST(Unpickler, MoreValuesThanAnyCheckpointAreRefused) {
  EXPECT_EQ(code_of(std::string(5'000'000, ']') + "."), "model.size");
  std::string doubling = "K\x01";
  EXPECT_EQ(code_of(doubling + std::string(5'000'000, '2') + "."), "model.size");
}

TEST(Unpickler, DeepNestingIsNoRecursion) {
  const std::string deep = std::string(1'000'000, ']') + std::string(999'999, 'a') + ".";
  EXPECT_EQ(code_of(deep), "no error");
}

}  // namespace
}  // namespace peregrine::pickle
