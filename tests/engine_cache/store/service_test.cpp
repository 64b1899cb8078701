// What is deployed: one switch at a time, each can be undone.
#include <gmock/gmock.h>

#include "engine_cache/store/store_fixture.h"

namespace peregrine::store {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DeploymentTest : public StoreTest {
 protected:
  std::string detect_ = add_engine(store_, "a"), other_detect_ = add_engine(store_, "b"),
              pose_ = add_engine(store_, "c", Task::pose);

  std::string serving(Task task) const {
    const Deployment now = Store(root_).current();
    const auto task_slot = now.task_slots.find(task);
    return task_slot == now.task_slots.end() ? "" : task_slot->second.engine;
  }
  std::vector<int> kept() const {
    std::vector<int> numbers;
    for (const Deployment& deployment : store_.deployments()) numbers.push_back(deployment.number);
    return numbers;
  }
};

TEST_F(DeploymentTest, TaskSlotsThatAreNotGivenStay) {
  EXPECT_EQ(store_.use({detect_, pose_}, Trust::verified).number, 1);
  EXPECT_EQ(store_.use({other_detect_}, Trust::verified).number, 2);
  EXPECT_EQ(serving(Task::detect), other_detect_);
  EXPECT_EQ(serving(Task::pose), pose_);
  EXPECT_EQ(serving(Task::reid), "");
  EXPECT_THAT(kept(), ElementsAre(1));
}

TEST_F(DeploymentTest, RestoringGoesBackAndForth) {
  store_.use({detect_}, Trust::verified);
  store_.use({other_detect_}, Trust::verified);
  EXPECT_EQ(store_.restore({}).number, 3);
  EXPECT_EQ(serving(Task::detect), detect_);
  store_.restore({});  // the one before: deployment 2
  EXPECT_EQ(serving(Task::detect), other_detect_);
  EXPECT_EQ(store_.restore(1).number, 5);
  EXPECT_EQ(serving(Task::detect), detect_);
  EXPECT_THAT(kept(), ElementsAre(1, 2, 3, 4));
}

TEST_F(DeploymentTest, RestoringWhatWasNeverKeptNamesWhatIs) {
  EXPECT_THAT(error_of([&] { store_.restore({}); }), HasSubstr("store.generation"));
  store_.use({detect_}, Trust::verified);
  EXPECT_THAT(error_of([&] { store_.restore({}); }), HasSubstr("No earlier deployment"));
  store_.use({pose_}, Trust::verified);
  EXPECT_THAT(error_of([&] { store_.restore(7); }),
              AllOf(HasSubstr("no deployment 7"), HasSubstr("Kept are: 1.")));
}

TEST_F(DeploymentTest, OnlySoundEnginesAreDeployedAndAllOrNone) {
  const std::string unvalidated = add_engine(store_, "d", Task::segment, std::nullopt);
  EXPECT_THAT(error_of([&] {
                store_.use({detect_, unvalidated}, Trust::verified);
              }),
              HasSubstr("store.unverified"));
  EXPECT_THAT(error_of([&] {
                store_.use({detect_, other_detect_}, Trust::verified);
              }),
              AllOf(HasSubstr("store.role"), HasSubstr("task slot detect")));
  EXPECT_THAT(error_of([&] { store_.use({detect_, "none"}, Trust::verified); }), HasSubstr("store.missing"));
  fs::resize_file(plan_file(store_, pose_), 10);
  EXPECT_THAT(error_of([&] { store_.use({detect_, pose_}, Trust::unverified); }), HasSubstr("store.damaged"));
  EXPECT_EQ(store_.current().number, 0);
  store_.use({unvalidated}, Trust::unverified);
  EXPECT_TRUE(store_.current().task_slots.at(Task::segment).unverified);
}

TEST_F(DeploymentTest, EnginesThatAreNamedAreKept) {
  store_.use({detect_}, Trust::verified);
  EXPECT_THAT(error_of([&] { store_.remove(detect_, true); }),
              AllOf(HasSubstr("store.in_use"), HasSubstr("is deployed")));
  store_.use({other_detect_}, Trust::verified);
  EXPECT_THAT(error_of([&] { store_.remove(detect_, false); }),
              AllOf(HasSubstr("deployment 1"), HasSubstr("--force")));
  store_.remove(detect_, true);
  EXPECT_THAT(error_of([&] { store_.restore({}); }), HasSubstr("store.missing"));
  EXPECT_EQ(serving(Task::detect), other_detect_);
}

TEST_F(DeploymentTest, ADamagedCurrentIsToldAndARestoreBringsTheLastDeploymentBack) {
  store_.use({detect_}, Trust::verified);
  store_.use({other_detect_}, Trust::verified);
  write_text(root_ / "current", "{ damaged");
  EXPECT_THAT(error_of([&] { store_.current(); }),
              AllOf(HasSubstr("store.damaged"), HasSubstr("engines restore")));
  EXPECT_THAT(error_of([&] { store_.use({pose_}, Trust::verified); }), HasSubstr("store.damaged"));
  store_.restore({});
  EXPECT_EQ(serving(Task::detect), detect_);
  EXPECT_EQ(read_text(root_ / "current.damaged"), "{ damaged");
}

TEST_F(DeploymentTest, ADamagedDeploymentCostsOnlyItself) {
  for (const std::string& id : {detect_, other_detect_, detect_}) store_.use({id}, Trust::verified);
  write_text(root_ / "generations" / "2.json", "");
  EXPECT_THAT(kept(), ElementsAre(1));
}

TEST_F(StoreTest, ABuildClearsAwayWhatASwitchThatDiedHasLeft) {
  store_.use({add_engine(store_, "a")}, Trust::verified);
  for (const char* file : {"current.new", "generations/1.json.new"}) write_text(root_ / file, "half");
  add_engine(store_, "b");
  EXPECT_FALSE(std::filesystem::exists(root_ / "current.new"));
  EXPECT_TRUE(std::filesystem::is_empty(root_ / "generations"));
  EXPECT_EQ(store_.current().number, 1);
}

}  // namespace
}  // namespace peregrine::store
