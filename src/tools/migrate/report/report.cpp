#include "peregrine/migration_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "peregrine/version.h"
#include "tools/migrate/report/html.h"

namespace peregrine::migrate {

namespace {

using html::escape;
using html::Table;

constexpr std::string_view style =
#include "migrate_page.inc"
    ;

std::string sign(bool good) { return good ? "✓" : "✗"; }

std::string sign(StepResult::Verdict verdict) {
  switch (verdict) {
    case StepResult::Verdict::passed:
    case StepResult::Verdict::still_valid: return "✓";
    case StepResult::Verdict::warning: return "!";
    case StepResult::Verdict::failed: return "✗";
    case StepResult::Verdict::skipped: return "–";
  }
  return {};
}

std::string environment(const Report& report) {
  Table table({{"state", false}, {"what", false}, {"found", false}, {"needed", false}, {"to mend", false}});
  for (const EnvironmentRow& row : report.environment) {
    const bool bad = row.standing == EnvironmentRow::Standing::bad;
    table.row({row.standing == EnvironmentRow::Standing::absent ? "– absent"
                                                                : sign(!bad) + (bad ? " bad" : " good"),
               row.name, row.found, row.needed, row.remedy},
              bad);
  }
  return table.html();
}

std::string steps(const Report& report) {
  Table table({{"step", false}, {"verdict", false}, {"result", false}, {"seconds", true}});
  for (const StepResult& step : report.steps)
    table.row({step.name, sign(step.verdict) + " " + to_string(step.verdict), step.sentence,
               fmt::format("{:.1f}", step.seconds)},
              step.verdict == StepResult::Verdict::failed);
  return table.html();
}

std::string held(bool holds) { return sign(holds) + (holds ? " holds" : " fails"); }

std::string list(const std::vector<std::string>& lines, std::string_view title) {
  if (lines.empty()) return {};
  std::string text = fmt::format("<details><summary>{} ({})</summary><ul>\n", title, lines.size());
  for (const std::string& line : lines) text += fmt::format("<li>{}</li>\n", escape(line));
  return text + "</ul></details>\n";
}

/// What PyTorch's own FP16 gets in the same check; nothing where it was not measured.
std::string own(const PyTorchAccuracy& pytorch, const std::string& check) {
  const auto found = std::ranges::find(pytorch.checks, check, &Measure::name);
  return found == pytorch.checks.end() ? "–" : fmt::format("{:.4g} {}", found->value, held(found->holds()));
}

std::string checks(const MigratedModel& model) {
  std::vector<html::Column> columns{{"check", false}, {"value", true}, {"limit", true}, {"verdict", false}};
  const bool beside = !model.pytorch.checks.empty();
  if (beside) columns.push_back({"PyTorch's own FP16", false});
  Table table(columns);
  for (const Measure& check : model.checks) {
    const std::string noise = check.noise > 0 ? fmt::format(" ± {:.2g}", check.noise) : "";
    std::vector<std::string> row{check.name, fmt::format("{:.4g}{}", check.value, noise),
                                 fmt::format("{} {:.4g}", check.at_least ? "≥" : "≤", check.limit),
                                 held(check.holds())};
    if (beside) row.push_back(own(model.pytorch, check.name));
    table.row(row, !check.holds());
  }
  std::string text = table.html();
  if (!model.pytorch.note.empty()) text += fmt::format("<p>{}</p>\n", escape(model.pytorch.note));
  return text;
}

std::string precision(const MigratedModel& model) {
  std::vector<html::Column> columns{
      {"average precision", false}, {"before", true},        {"after", true}, {"change", true},
      {"its noise", true},          {"95 % of draws", true}, {"images", true}};
  if (model.average_precision.empty()) return {};
  for (const NamedPrecision& one : model.average_precision.front().pytorch)
    columns.push_back({one.subject, true});
  Table table(columns);
  for (const PrecisionPair& pair : model.average_precision) {
    std::vector<std::string> row{pair.metric,
                                 fmt::format("{:.4f}", pair.before),
                                 fmt::format("{:.4f}", pair.after),
                                 fmt::format("{:+.4f}", pair.after - pair.before),
                                 fmt::format("± {:.4f}", pair.standard_error),
                                 fmt::format("{:+.4f} to {:+.4f}", 0 - pair.high, 0 - pair.low),
                                 std::to_string(pair.images)};
    for (const NamedPrecision& one : pair.pytorch)
      if (row.size() < columns.size()) row.push_back(fmt::format("{:.4f}", one.value));
    table.row(row);
  }
  return table.html() + fmt::format("<p>{}</p>\n", escape(model.average_precision_note));
}

std::string accuracy(const MigratedModel& model) {
  return checks(model) + precision(model) + list(model.mismatches, "Objects that were not found again") +
         list(model.pytorch.mismatches, "Objects that PyTorch's own FP16 did not find again");
}

std::string speed(const MigratedModel& model) {
  Table table({{"program", false},
               {"batch", true},
               {"p50 ms", true},
               {"p90 ms", true},
               {"p99 ms", true},
               {"pictures/s", true},
               {"start ms", true},
               {"memory MiB", true}});
  std::vector<html::Bar> bars;
  const auto add = [&](const std::vector<Speed>& speeds, bool hatched) {
    for (const Speed& s : speeds) {
      table.row({s.subject, std::to_string(s.batch), fmt::format("{:.2f}", s.p50_ms),
                 fmt::format("{:.2f}", s.p90_ms), fmt::format("{:.2f}", s.p99_ms),
                 fmt::format("{:.1f}", s.images_per_second()), fmt::format("{:.0f}", s.start_ms),
                 fmt::format("{:.0f}", s.memory_mb)});
      bars.push_back({fmt::format("{}, batch {}", s.subject, s.batch),
                      fmt::format("{:.2f} ms", s.p50_ms / s.batch), s.p50_ms / s.batch, hatched});
    }
  };
  add(model.speed.engine, false);
  add(model.speed.baseline, true);
  if (bars.empty() && model.speed.note.empty()) return {};
  std::string text = fmt::format("<h4>Speed and memory</h4>\n<p>{}</p>\n", escape(model.speed.note));
  if (const auto times = model.speed.speed_up())
    text += fmt::format("<p>{:.2f} times as fast as the fastest of them at batch {}.</p>\n", *times,
                        model.speed.engine.front().batch);
  if (!model.speed.warning.empty())
    text += fmt::format("<p><strong>! {}</strong></p>\n", escape(model.speed.warning));
  return text + table.html() +
         html::bar_chart("Milliseconds an image, median; the baseline is hatched", bars);
}

std::string layers(const MigratedModel& model) {
  std::vector<html::Mark> marks;
  for (const LayerDeparture& layer : model.layers) marks.push_back({layer.layer, layer.relative});
  if (marks.empty()) return {};
  return "<h4>Layers: largest difference from FP32, relative</h4>\n" +
         html::decades_chart("Each layer's largest difference from FP32, relative to its largest value",
                             marks, 1e-8);
}

/// What became of it: nothing where the migration ended before its engine was built.
std::string engine(const MigratedModel& model) {
  if (model.engine_id.empty()) return "<p>No engine yet.</p>\n";
  std::string text = fmt::format("<p>{} engine <code>{}</code> in {}; validation: {}</p>\n",
                                 escape(model.engine), escape(model.engine_id), escape(model.precision),
                                 model.validation.empty() ? "not yet" : escape(model.validation));
  if (!model.witness.verdict.empty())
    text += fmt::format("<p>{}Independent witness: {}{}{} ({})</p>\n",
                        model.witness.verdict == "agrees" ? "" : "! ", escape(model.witness.name),
                        model.witness.name.empty() ? "" : " ", escape(model.witness.verdict),
                        escape(model.witness.note));
  for (const std::string& note : model.notes) text += fmt::format("<p>{}</p>\n", escape(note));
  return text;
}

std::string models(const Report& report) {
  std::string text;
  for (const MigratedModel& model : report.models) {
    text += fmt::format("<h3>{}: {}</h3>\n", to_string(model.task_slot), escape(model.name));
    if (!model.facts.empty()) text += fmt::format("<p>{}</p>\n", escape(model.facts));
    text += engine(model) + accuracy(model) + speed(model) + layers(model);
  }
  return text;
}

std::string extras(const Report& report) {
  Table table({{"role", false}, {"engine", false}, {"id", false}, {"state", false}});
  for (const ExtraEngine& extra : report.extras)
    table.row({to_string(extra.task_slot), extra.engine, extra.engine_id, extra.state});
  const std::string rows = table.html();
  return rows.empty()
             ? rows
             : "<p>Built here, to run elsewhere; not deployed, and not part of the verdict.</p>\n" + rows;
}

std::string fallbacks(const Report& report) {
  Table table({{"step", false}, {"why it did not run on the GPU", false}});
  for (const Fallback& fallback : report.fallbacks) table.row({fallback.step, fallback.why});
  return table.html();
}

std::string image(const std::vector<std::byte>& jpeg, const std::string& caption) {
  return fmt::format(
      "<figure><img alt=\"{0}\" src=\"data:image/jpeg;base64,{1}\"><figcaption>{0}</figcaption></figure>\n",
      escape(caption), html::base64(jpeg));
}

std::string images(const Report& report) {
  std::string text;
  for (const ImagePair& pair : report.images)
    text += fmt::format("<div class=\"pair\">\n{}{}</div>\n",
                        image(pair.reference, pair.name + ", FP32 reference"),
                        image(pair.engine, pair.name + ", engine"));
  return text;
}

std::string transfers(const Report& report) {
  Table table({{"direction", false}, {"what", false}, {"bytes", true}});
  for (const NamedBytes& transfer : report.host_to_device)
    table.row({"to the device", transfer.name, std::to_string(transfer.bytes)});
  for (const NamedBytes& transfer : report.device_to_host)
    table.row({"to the host", transfer.name, std::to_string(transfer.bytes)});
  return table.html();
}

std::string commands(const Report& report) {
  std::string text;
  for (const std::string& command : report.commands) text += escape(command) + "\n";
  return text.empty() ? text : "<pre>" + text + "</pre>\n";
}

std::string section(std::string_view title, const std::string& body) {
  return body.empty() ? body : fmt::format("<section>\n<h2>{}</h2>\n{}</section>\n", title, body);
}

}  // namespace

const char* to_string(StepResult::Verdict verdict) noexcept {
  switch (verdict) {
    case StepResult::Verdict::passed: return "passed";
    case StepResult::Verdict::still_valid: return "still valid";
    case StepResult::Verdict::warning: return "warning";
    case StepResult::Verdict::failed: return "failed";
    case StepResult::Verdict::skipped: return "skipped";
  }
  return "";
}

std::string to_html(const Report& report) {
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, "
      "initial-scale=1\">\n<title>Migration {}</title>\n<style>\n{}</style>\n</head>\n<body>\n<h1>Migration "
      "to Peregrine "
      "{}</h1>\n<p>{}"
      "</p>\n<p class=\"verdict{}\">{} {}</p>\n",
      escape(report.date), style, version, escape(report.date), report.good() ? "" : " bad",
      sign(report.good()), escape(report.verdict));
  page += section("Steps", steps(report)) + section("Environment", environment(report)) +
          section("Models", models(report)) + section("Images", images(report)) +
          section("Engines for another machine", extras(report)) +
          section("Transfers of one image", transfers(report)) + section("Fallbacks", fallbacks(report)) +
          section("To see it again", commands(report));
  return page + "</body>\n</html>\n";
}

}  // namespace peregrine::migrate
