// The report's page: whole without anything else, harmless whatever names say, and as a browser shows it on a
// phone.
#include "peregrine/migration_report.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <regex>

#include "core/os/child.h"
#include "stages/decode/encode.h"
#include "support/test_data.h"
#include "tools/migrate/report/html.h"

namespace peregrine::migrate {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

Report example() {
  Report report;
  report.error_code = "validation.engine";
  report.verdict = "Not switched over: <segment> failed & stays.";
  report.date = "2026-11-24T07:00:00Z";
  report.environment = {{"driver", "580.1", "580", "", EnvironmentRow::Standing::good},
                        {"disk", "1.0 GB", "9.0 GB", "make room", EnvironmentRow::Standing::bad}};
  report.steps = {{"build", StepResult::Verdict::passed, "4 engines", 61.5},
                  {"validate", StepResult::Verdict::failed, "1 of 4", 2}};
  MigratedModel model;
  model.task_slot = Task::segment;
  model.name =
      "a model with a name that is so long that it has no room on a "
      "telephone_0123456789_0123456789_0123456789.pt";
  model.validation = "failed: mask IoU";
  model.witness = {"no independent witness", "", "python3 has no <torch>"};
  model.checks = {{"their mask IoU", 0.91, 0.97, true}, {"box, pixels", 0.4, 1.5, false}};
  model.mismatches = {"bus.jpg: person 0.41 deviates"};
  model.checks.push_back({"average precision lost, segm", 0.0014, 0.005, false, 0.0021});
  model.pytorch = {"PyTorch 2.9 eager fp16",
                   {{"their mask IoU", 0.92, 0.97, true}, {"box, pixels", 0.3, 1.5, false}},
                   {"zidane.jpg: tie 0.3 deviates"},
                   "PyTorch 2.9 eager fp16 beside its own FP32: 12 objects on 2 images."};
  model.average_precision = {
      {"segm", 0.4097, 0.4083, 47, 0.0021, -0.0030, 0.0055, {{"PyTorch 2.9 fp32", 0.4100}}}};
  model.average_precision_note = "Before: the FP32 reference.";
  model.speed.engine = {{"cuda fp16", 1, 4, 5, 6, 100, 50}};
  model.speed.baseline = {{"PyTorch 2.9 eager fp32", 1, 6, 7, 8, 5000, 900}};
  model.speed.warning = "less than 2 times";
  model.layers = {{"model.0", 1e-4}, {"model.1", 3e-3}};
  report.models = {model};
  const auto jpeg =
      decode::encode_jpeg({40, 30, PixelOrder::bgr, std::vector<std::uint8_t>(40 * 30 * 3, 90)});
  report.images = {{"bus.jpg", jpeg, jpeg}};
  report.host_to_device = {{"jpeg", 137419}};
  report.commands = {"peregrine migrate --detect \"a b.pt\""};
  return report;
}

TEST(Report, SaysWhoTheWitnessIsOrThatThereIsNone) {
  Report report = example();
  report.models[0].engine_id = "0123456789abcdef";  // a witness is of an engine that was built
  EXPECT_THAT(to_html(report),
              HasSubstr("! Independent witness: no independent witness (python3 has no &lt;torch&gt;)"));
  EXPECT_THAT(to_json(report), HasSubstr(R"("verdict": "no independent witness")"));
  report.models[0].witness = {"agrees", "PyTorch 2.9.0", "20 objects"};
  EXPECT_THAT(to_html(report), HasSubstr("<p>Independent witness: PyTorch 2.9.0 agrees (20 objects)</p>"));
}

TEST(Html, Base64) {
  const auto encode = [](std::string_view text) { return html::base64(std::as_bytes(std::span(text))); };
  EXPECT_EQ(encode(""), "");
  EXPECT_EQ(encode("f"), "Zg==");
  EXPECT_EQ(encode("fo"), "Zm8=");
  EXPECT_EQ(encode("foo"), "Zm9v");
  EXPECT_EQ(encode("foob\xff"), "Zm9vYv8=");
}

TEST(Html, NamesAreHarmless) {
  EXPECT_EQ(html::escape("<b a=\"1\">&\xff"), "&lt;b a=&quot;1&quot;&gt;&amp;\\xff");
  html::Table table({{"<i>", false}});
  table.row({"<script>"});
  EXPECT_THAT(table.html(), Not(HasSubstr("<script")));
  EXPECT_THAT(table.html(), HasSubstr("&lt;i&gt;"));
}

TEST(Html, NothingToShowIsNothing) {
  EXPECT_EQ(html::Table({{"a", false}}).html(), "");
  EXPECT_EQ(html::bar_chart("t", {}), "");
  EXPECT_EQ(html::decades_chart("t", {}, 1e-8), "");
}

TEST(Report, SaysInWordsAndSignsWhatItFound) {
  const std::string page = to_html(example());
  for (const char* part : {"✗ Not switched over: &lt;segment&gt; failed &amp; stays.",
                           "✗ bad",
                           "make room",
                           "✗ failed",
                           "✓ passed",
                           "≥ 0.97",
                           "✗ fails",
                           "✓ holds",
                           "-0.0014",
                           "± 0.0021",
                           "-0.0055 to +0.0030",
                           "0.0014 ± 0.0021",
                           "PyTorch 2.9 fp32",
                           "0.4100",
                           "PyTorch's own FP16",
                           "0.92 ✗ fails",
                           "0.3 ✓ holds",
                           "beside its own FP32",
                           "zidane.jpg",
                           "1.50 times as fast",
                           "PyTorch 2.9 eager fp32",
                           "! less than 2 times",
                           "Furthest: model.1, 0.003",
                           "bus.jpg, FP32 reference",
                           "137419",
                           "--detect &quot;a b.pt&quot;",
                           "@media print",
                           "name=\"viewport\"",
                           "url(#hatch)",
                           "<p>Milliseconds an image, median; the baseline is hatched:</p>"})
    EXPECT_THAT(page, HasSubstr(part));
}

TEST(Report, NeedsNothingElse) {
  const std::string page = to_html(example());
  for (const char* part : {"http:", "https:", "<script", "<link", "@import"})
    EXPECT_THAT(page, Not(HasSubstr(part)));
  std::smatch image;
  EXPECT_TRUE(std::regex_search(page, image, std::regex("src=\"data:image/jpeg;base64,[A-Za-z0-9+/]+=*\"")));
}

TEST(Report, AnEmptyOneIsAPage) {
  const std::string page = to_html({});
  EXPECT_THAT(page, HasSubstr("</html>"));
  EXPECT_THAT(page, Not(HasSubstr("<h2>")));
}

/// What a headless browser makes of the example with `script` at its end: the page's title. Nothing without a
/// browser.
std::optional<std::string> title_in_browser(const std::string& script, const std::string& window) {
  const test::TemporaryFolder folder;
  std::string page = to_html(example());
  page.insert(page.find("</body>"), "<script>" + script + "</script>");
  std::ofstream(folder.path() / "report.html") << page;
  const char* chosen = std::getenv("PEREGRINE_TEST_BROWSER");
  for (const std::string browser :
       {chosen ? chosen : "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"}) {
    const ChildResult run =
        run_child({browser, "--headless", "--no-sandbox", "--disable-gpu",
                   "--user-data-dir=" + (folder.path() / "profile").string(), "--window-size=" + window,
                   "--dump-dom", "file://" + (folder.path() / "report.html").string()},
                  std::chrono::seconds(120));
    std::smatch title;
    if (run.started && std::regex_search(run.out, title, std::regex("<title>([^<]*)</title>")))
      return title[1];
    if (run.started) return "the browser failed: " + run.err;
  }
  return std::nullopt;
}

/// The page is no wider than the window, and neither is anything in it; how cells are laid out, and whether
/// each says what it is.
constexpr const char* measure = R"(const all = [...document.querySelectorAll('body *')];
const wide = all.filter(e => !e.closest('thead, svg')
    && e.getBoundingClientRect().right > innerWidth + 1).length;
const cells = [...document.querySelectorAll('td')], rows = [...document.querySelectorAll('tbody tr')];
const told = cells.every(c => getComputedStyle(c, '::before').content.includes(c.dataset.label));
document.title = [document.documentElement.scrollWidth <= innerWidth, wide,
    document.querySelectorAll('svg').length,
  [...document.images].every(i => i.complete && i.naturalWidth == 40),
      getComputedStyle(cells[0]).display, told,
  rows.every(r => r.scrollWidth <= r.clientWidth + 1)].join(' ');)";

TEST(Report, FitsAPhoneInABrowser) {
  const auto title = title_in_browser(measure, "360,740");
  if (!title)
    GTEST_SKIP()
        << "no headless browser on this machine (set PEREGRINE_TEST_BROWSER): the page was not looked at";
  EXPECT_EQ(*title, "true 0 2 true block true true");
}

TEST(Report, FitsAScreenInABrowser) {
  const auto title = title_in_browser(measure, "1400,900");
  if (!title)
    GTEST_SKIP()
        << "no headless browser on this machine (set PEREGRINE_TEST_BROWSER): the page was not looked at";
  EXPECT_EQ(*title, "true 0 2 true table-cell false true");
}

}  // namespace
}  // namespace peregrine::migrate
