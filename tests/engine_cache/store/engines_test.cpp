// Engines in the store: found, built once, loaded when they may be, explained when not.
#include <gmock/gmock.h>

#include <algorithm>

#include "engine_cache/store/store_fixture.h"

namespace peregrine::store {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(StoreTest, ReadingMakesNothing) {
  EXPECT_THAT(store_.list(), IsEmpty());
  EXPECT_FALSE(store_.find(make_identity()).engine);
  EXPECT_EQ(store_.current().number, 0);
  EXPECT_THAT(store_.deployments(), IsEmpty());
  EXPECT_FALSE(fs::exists(root_));
}

TEST_F(StoreTest, BuildsTheFirstTimeAndFindsTheSecond) {
  int builds = 0;
  const auto build = [&] { return ++builds, make_draft("yolo"); };
  const Manifest made = store_.get_or_build(make_identity(), build);
  const Manifest again = Store(root_).get_or_build(make_identity(), build);
  EXPECT_EQ(builds, 1);
  EXPECT_EQ(made.id, again.id);
  const LoadedEngine loaded = store_.load(made.id, environment(), Trust::verified);
  EXPECT_EQ(loaded.plan.bytes, make_draft("yolo").plan.bytes);
  EXPECT_EQ(loaded.plan.engine, "openvino");
  EXPECT_EQ(loaded.plan.library_versions, "openvino 2026.4.1");
  EXPECT_THAT(loaded.manifest.model.class_names, ElementsAre("person", "bicycle"));
}

TEST_F(StoreTest, ABuildThatFailsLeavesNothing) {
  EXPECT_THROW(
      store_.get_or_build(make_identity(), []() -> StagedEngine { throw Error("engine.openvino", "No."); }),
      Error);
  EXPECT_THAT(store_.list(), IsEmpty());
  EXPECT_TRUE(fs::is_empty(root_ / "engines"));
}

TEST_F(StoreTest, RebuildingReplacesTheEngineWhenTheNewOneIsThere) {
  const std::string id = add_engine(store_, "a");
  const auto old_plan = plan_file(store_, id);
  EXPECT_THROW(store_.get_or_build(
                   make_identity(), []() -> StagedEngine { throw Error("engine.openvino", "No."); }, true),
               Error);
  EXPECT_NO_THROW(store_.verify_integrity(id));
  store_.get_or_build(
      make_identity(),
      [&] {
        EXPECT_NO_THROW(store_.verify_integrity(id));
        return make_draft("second");
      },
      true);
  EXPECT_EQ(store_.show(id).model.name, "second.pt");
  EXPECT_FALSE(fs::exists(old_plan));
}

TEST_F(StoreTest, AStaleEngineIsExplained) {
  add_engine(store_, "a");
  EngineIdentity wanted = make_identity();
  wanted.library_versions = "openvino 2027.0.0";
  const Found found = store_.find(wanted);
  EXPECT_FALSE(found.engine);
  EXPECT_THAT(found.why, AllOf(HasSubstr("does not serve"),
                               HasSubstr("built with openvino 2026.4.1, here is openvino 2027.0.0")));
  EXPECT_EQ(store_.find(make_identity("b")).why, "");  // another model: nothing to explain
}

TEST_F(StoreTest, TheNearestStaleEngineIsTheOneExplained) {
  EngineIdentity far = make_identity("a", Precision::bf16);
  far.device_name = "Another CPU";
  store_.get_or_build(far, [] { return make_draft(); });
  add_engine(store_, "a");
  EngineIdentity wanted = make_identity();
  wanted.device_name = "Another CPU";
  EXPECT_THAT(store_.find(wanted).why,
              AllOf(HasSubstr("this machine has Another CPU"), Not(HasSubstr("bf16"))));
}

TEST_F(StoreTest, AModelFileThatChangedUnderItsNameIsExplained) {
  add_engine(store_, "a");
  EXPECT_THAT(store_.find(make_identity("b"), "a.pt").why, HasSubstr("the model file is another one"));
}

TEST_F(StoreTest, AStaleEngineIsNotLoadedEvenUnverified) {
  const std::string id = add_engine(store_, "a");
  BuildEnvironment other = environment();
  other.device_name = "B CPU";
  for (Trust trust : {Trust::verified, Trust::unverified})
    EXPECT_THAT(error_of([&] { store_.load(id, other, trust); }),
                AllOf(HasSubstr("store.stale"), HasSubstr("this machine has B CPU"),
                      HasSubstr("peregrine build a.pt")));
}

TEST_F(StoreTest, AStaleEngineIsBuiltAgainAndDeployed) {
  const std::string id = add_engine(store_, "a");
  store_.use({id}, Trust::verified);
  BuildEnvironment now = environment();
  now.library_versions = "openvino 2027.0.0";
  EXPECT_THAT(
      error_of(
          [&] { store_.load(store_.current().task_slots.at(Task::detect).engine, now, Trust::verified); }),
      AllOf(HasSubstr("Build it again: `peregrine build a.pt --engine openvino`; `peregrine engines use ID` "
                      "deploys the new one.")));
  EngineIdentity wanted = make_identity();
  wanted.library_versions = now.library_versions;
  store_.use({store_.get_or_build(wanted, [] { return make_draft(); }).id}, Trust::verified);
  EXPECT_NO_THROW(store_.load(store_.current().task_slots.at(Task::detect).engine, now, Trust::unverified));
}

TEST_F(StoreTest, AChangedDriverAsksForVerificationNotForABuild) {
  const std::string id = add_engine(store_, "a");
  EngineIdentity wanted = make_identity();
  wanted.driver = "590.2";
  const Found found = store_.find(wanted);
  ASSERT_TRUE(found.engine);
  EXPECT_TRUE(found.verify_again);
  EXPECT_FALSE(store_.find(make_identity()).verify_again);

  BuildEnvironment now = environment();
  now.driver = wanted.driver;
  EXPECT_THAT(error_of([&] { store_.load(id, now, Trust::verified); }),
              AllOf(HasSubstr("store.unverified"), HasSubstr("driver 580.1, this machine has 590.2"),
                    HasSubstr("engines verify " + id)));
  EXPECT_NO_THROW(store_.load(id, now, Trust::unverified));

  ValidationRecord again = record();
  again.driver = wanted.driver;
  store_.record_validation(id, again);
  EXPECT_FALSE(store_.find(wanted).verify_again);
  EXPECT_NO_THROW(store_.load(id, now, Trust::verified));
}

TEST_F(StoreTest, WithoutAValidationThatHoldsItTakesUnverified) {
  ValidationRecord unrun = record();
  unrun.ran = false;
  const std::string none = add_engine(store_, "a", Task::detect, std::nullopt);
  const std::string failed = add_engine(store_, "b", Task::detect, record(9));
  const std::string not_run = add_engine(store_, "c", Task::detect, unrun);
  EXPECT_THAT(
      error_of([&] { store_.load(none, environment(), Trust::verified); }),
      AllOf(HasSubstr("store.unverified"), HasSubstr("no validation record"), HasSubstr("--unverified")));
  EXPECT_THAT(error_of([&] { store_.load(failed, environment(), Trust::verified); }),
              HasSubstr("box, pixels 9 (limit 1.5)"));
  EXPECT_THAT(error_of([&] { store_.load(not_run, environment(), Trust::verified); }),
              HasSubstr("built, not run"));
  for (const std::string& id : {none, failed, not_run})
    EXPECT_NO_THROW(store_.load(id, environment(), Trust::unverified));
}

TEST_F(StoreTest, ADamagedPlanIsToldBeforeItIsLoadedAndBuiltAgain) {
  const std::string id = add_engine(store_, "a");
  const fs::path file = plan_file(store_, id);
  std::string bytes = read_text(file);
  bytes[bytes.size() / 2] ^= 1;
  write_text(file, bytes);
  for (const std::string& error : {error_of([&] { store_.load(id, environment(), Trust::unverified); }),
                                   error_of([&] { store_.verify_integrity(id); })})
    EXPECT_THAT(error,
                AllOf(HasSubstr("store.damaged"), HasSubstr(file.native()), HasSubstr("digest differs")));

  fs::resize_file(file, 100);
  EXPECT_FALSE(store_.find(make_identity()).engine);
  EXPECT_THAT(store_.find(make_identity()).why, HasSubstr("cut short"));
  EXPECT_THAT(error_of([&] { store_.verify_integrity(id); }), HasSubstr("100 bytes of 150000"));
  add_engine(store_, "a");
  EXPECT_NO_THROW(store_.verify_integrity(id));
}

TEST_F(StoreTest, ADamagedManifestIsListedAndBuiltAgain) {
  const std::string id = add_engine(store_, "a"), whole = add_engine(store_, "b");
  const fs::path file = root_ / "engines" / id / "manifest.json";
  write_text(file, read_text(file).replace(40, 1, "\x01"));
  const auto listings = store_.list();
  ASSERT_EQ(listings.size(), 2u);
  for (const Listing& listing : listings) {
    EXPECT_EQ(listing.manifest.has_value(), listing.id == whole);
    EXPECT_EQ(listing.damage.find(file.native()) != std::string::npos, listing.id == id) << listing.damage;
  }
  EXPECT_THAT(error_of([&] { store_.show(id); }),
              AllOf(HasSubstr("store.damaged"), HasSubstr("Build the engine again")));
  EXPECT_THAT(store_.find(make_identity("a")).why, HasSubstr("damaged"));
  add_engine(store_, "a");
  EXPECT_NO_THROW(store_.verify_integrity(id));
  EXPECT_NO_THROW(store_.verify_integrity(whole));
}

TEST_F(StoreTest, AnIdMayBeShortened) {
  const std::string id = add_engine(store_, "a");
  EXPECT_EQ(store_.show(id.substr(0, 4)).id, id);
  EXPECT_THAT(error_of([&] { store_.show("zzzz"); }),
              AllOf(HasSubstr("store.missing"), HasSubstr("engines list")));
  EXPECT_THAT(error_of([&] { store_.show(""); }), HasSubstr("store.missing"));
  EXPECT_THAT(error_of([&] { store_.show("../engines/" + id); }), HasSubstr("store.missing"));
  char model = 'b';
  while (id_of(make_identity(std::string(1, model)))[0] != id[0]) ++model;
  const std::string other = add_engine(store_, std::string(1, model));
  EXPECT_THAT(error_of([&] { store_.show(id.substr(0, 1)); }),
              AllOf(HasSubstr("store.ambiguous"), HasSubstr(id), HasSubstr(other)));
}

TEST_F(StoreTest, RemovingLeavesNothingBehind) {
  const std::string id = add_engine(store_, "a");
  store_.remove(id, false);
  EXPECT_THAT(store_.list(), IsEmpty());
  EXPECT_TRUE(fs::is_empty(root_ / "engines"));
}

TEST_F(StoreTest, AnEngineBeingBuiltIsNotRemoved) {
  const std::string id = add_engine(store_, "a");
  store_.get_or_build(
      make_identity(),
      [&] {
        EXPECT_THAT(error_of([&] { store_.remove(id, true); }), HasSubstr("store.busy"));
        return make_draft("second");
      },
      true);
}

TEST_F(StoreTest, ACopyOutsideTheStoreLoadsByTheSameRules) {
  const std::string id = add_engine(store_, "a");
  const fs::path copy = folder_.path() / "copy";
  store_.copy_out(id, copy);
  EXPECT_EQ(load_folder(copy, environment(), Trust::verified).plan.bytes, make_draft("a").plan.bytes);
  store_.copy_out(id, copy);  // over an older copy
  BuildEnvironment other = environment();
  other.library_versions = "openvino 1";
  EXPECT_THAT(error_of([&] { load_folder(copy, other, Trust::verified); }), HasSubstr("store.stale"));
  write_text(folder_.path() / "letter.txt", "dear");
  EXPECT_THAT(error_of([&] { store_.copy_out(id, folder_.path()); }), HasSubstr("store.foreign"));
  EXPECT_THAT(error_of([&] { load_folder(folder_.path(), environment(), Trust::verified); }),
              HasSubstr("store.missing"));
}

TEST_F(StoreTest, ANewerStoreIsLeftAlone) {
  add_engine(store_, "a");
  write_text(root_ / "format", "peregrine store 2\n");
  EXPECT_THAT(error_of([&] { Store{root_}; }),
              AllOf(HasSubstr("store.version"), HasSubstr(root_.native()), HasSubstr("newer")));
  write_text(root_ / "format", "some text");
  EXPECT_THAT(error_of([&] { Store{root_}; }), HasSubstr("store.damaged"));
}

TEST_F(StoreTest, AFolderThatIsNoStoreIsLeftAlone) {
  fs::create_directories(root_);
  EXPECT_NO_THROW(Store{root_});
  write_text(root_ / "thesis.tex", "...");
  EXPECT_THAT(error_of([&] { Store{root_}; }), AllOf(HasSubstr("store.foreign"), HasSubstr("--store")));
  EXPECT_THAT(error_of([&] { Store{root_ / "thesis.tex"}; }), HasSubstr("store.foreign"));
}

}  // namespace
}  // namespace peregrine::store
