// A Python made up as a shell script that answers as the user's PyTorch does: with what it finds in the
// checkpoint itself. What it says was recorded from PyTorch (tools/fixtures/record_witness.py).
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "engine_cache/store/store.h"
#include "peregrine/migrate.h"
#include "support/test_data.h"

namespace peregrine::migrate {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class PyTorchWitness : public testing::Test {
 protected:
  PyTorchWitness() {
    settings_.force_gpu_only = false;
    settings_.enable_tensorrt = false;
    settings_.imgsz = 160;
    settings_.store = folder_.path() / "store";
    settings_.detect_model = test::repository_file("models/demo/demo-detect.pt");
    options_.baseline = Baseline::none;
    options_.python = folder_.path() / "python";
  }
  /// Answers the look-up of packages, counts how often it is asked for more, and does `asked` then: $found is
  /// the file for what it finds.
  void python(const std::string& asked) {
    std::ofstream(options_.python) << R"sh(#!/bin/sh
if [ $# -eq 3 ]; then echo '{"version": "3.11.2", "torch": "2.9.0", "ultralytics": "8.4.190"}'; exit; fi
found=$(sed 's/.*"found":"\([^"]*\)".*/\1/' "$4"); echo >> )sh"
                                   << asked_.native() << "\n"
                                   << asked << "\n";
    fs::permissions(options_.python, fs::perms::owner_all);
  }
  /// As PyTorch does: with a file of recorded objects.
  void python_finds(const std::string& recorded) {
    python("cp " + test::repository_file("tests/tools/migrate/data/" + recorded).native() + R"sh( "$found"
echo '{"torch": "2.9.0", "ultralytics": "8.4.190", "start_ms": 5000, "speeds": []}')sh");
  }
  Report run() { return Migrator(settings_, options_).run(); }
  static StepResult validation(const Report& report) {
    return *std::ranges::find(report.steps, "validate", &StepResult::name);
  }
  int times_asked() const {
    std::ifstream in(asked_);
    return static_cast<int>(std::count(std::istreambuf_iterator<char>(in), {}, '\n'));
  }

  test::TemporaryFolder folder_;
  fs::path asked_ = folder_.path() / "asked";
  Settings settings_;
  Options options_;
};

TEST_F(PyTorchWitness, AgreesWhereItFindsTheSame) {
  python_finds("stock.json");
  const Report report = run();
  ASSERT_TRUE(report.good()) << report.verdict;
  EXPECT_EQ(report.models[0].witness.verdict, "agrees");
  EXPECT_EQ(report.models[0].witness.name, "PyTorch 2.9.0, Ultralytics 8.4.190");
  EXPECT_THAT(validation(report).sentence, HasSubstr("PyTorch 2.9.0, Ultralytics 8.4.190 agrees ("));
  const Report again = run();
  EXPECT_EQ(validation(again).verdict, StepResult::Verdict::still_valid);
  EXPECT_EQ(again.models[0].witness.verdict, "agrees") << "kept with the engine";
  EXPECT_EQ(times_asked(), 1);
}

// The checkpoint's SPPF is a fork's: PyTorch runs it, Peregrine would compute the stock one.
TEST_F(PyTorchWitness, EndsTheStepWhereItFindsOtherObjects) {
  python_finds("fork.json");
  const Report report = run();
  EXPECT_EQ(report.error_code, "validation.engine");
  EXPECT_EQ(report.exit_status(), 1);
  EXPECT_EQ(validation(report).verdict, StepResult::Verdict::failed);
  EXPECT_THAT(report.verdict,
              AllOf(HasSubstr("objects of PyTorch 2.9.0, Ultralytics 8.4.190 that are missed"),
                    HasSubstr("gives other objects than Peregrine")));
  EXPECT_EQ(report.models[0].witness.verdict, "disagrees");
  EXPECT_EQ(report.deployment, 0);
  options_.unverified = true;
  EXPECT_EQ(validation(run()).verdict, StepResult::Verdict::warning);
  EXPECT_EQ(times_asked(), 1) << "the same one says the same";
}

/// What the hint says: another Python is heard in the place of the one that disagreed.
TEST_F(PyTorchWitness, OfAnotherPythonIsHeardInstead) {
  python_finds("fork.json");
  const Report refused = run();
  EXPECT_THAT(refused.verdict,
              AllOf(HasSubstr("Nothing was switched over."),
                    HasSubstr("Where --python is not the Python of your pipeline, name that one.")));
  options_.python = folder_.path() / "python of the pipeline";
  python_finds("stock.json");
  const Report report = run();
  EXPECT_TRUE(report.good()) << report.verdict;
  EXPECT_EQ(report.models[0].witness.verdict, "agrees");
  EXPECT_EQ(report.deployment, 1);
}

TEST_F(PyTorchWitness, ThatCannotRunTheCheckpointIsNoneAndIsAskedOnce) {
  python("echo \"ModuleNotFoundError: No module named 'ultralytics.nn.extra_modules'\" >&2; exit 1");
  const Report report = run();
  ASSERT_TRUE(report.good()) << report.verdict;
  EXPECT_EQ(report.models[0].witness.verdict, "no independent witness");
  EXPECT_THAT(report.models[0].witness.note, HasSubstr("No module named 'ultralytics.nn.extra_modules'"));
  EXPECT_THAT(to_json(report), HasSubstr("no independent witness"));
  EXPECT_EQ(validation(run()).verdict, StepResult::Verdict::still_valid);
  EXPECT_EQ(times_asked(), 1);
}

TEST_F(PyTorchWitness, ThatComesLaterIsHeardThen) {
  const Report before = run();
  ASSERT_TRUE(before.good()) << before.verdict;
  EXPECT_THAT(before.models[0].witness.note, HasSubstr("there is no "));
  python_finds("fork.json");
  EXPECT_EQ(run().error_code, "validation.engine");
  EXPECT_EQ(store::Store(settings_.store).current().number, 1) << "what serves stays";
}

}  // namespace
}  // namespace peregrine::migrate
