// What is in service: one switch at a time, each can be undone.
#include <gmock/gmock.h>

#include "store/store_fixture.h"

namespace peregrine::store {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ServiceTest : public StoreTest {
 protected:
  std::string detect_ = add_engine(store_, "a"), other_detect_ = add_engine(store_, "b"),
              pose_ = add_engine(store_, "c", Task::pose);

  std::string serving(Task task) const {
    const Generation now = Store(root_).current();
    const auto role = now.roles.find(task);
    return role == now.roles.end() ? "" : role->second.engine;
  }
  std::vector<int> kept() const {
    std::vector<int> numbers;
    for (const Generation& generation : store_.generations()) numbers.push_back(generation.number);
    return numbers;
  }
};

TEST_F(ServiceTest, RolesThatAreNotGivenStay) {
  EXPECT_EQ(store_.use({detect_, pose_}, Trust::verified).number, 1);
  EXPECT_EQ(store_.use({other_detect_}, Trust::verified).number, 2);
  EXPECT_EQ(serving(Task::detect), other_detect_);
  EXPECT_EQ(serving(Task::pose), pose_);
  EXPECT_EQ(serving(Task::reid), "");
  EXPECT_THAT(kept(), ElementsAre(1));
}

TEST_F(ServiceTest, RestoringGoesBackAndForth) {
  store_.use({detect_}, Trust::verified);
  store_.use({other_detect_}, Trust::verified);
  EXPECT_EQ(store_.restore({}).number, 3);
  EXPECT_EQ(serving(Task::detect), detect_);
  store_.restore({});  // the one before: generation 2
  EXPECT_EQ(serving(Task::detect), other_detect_);
  EXPECT_EQ(store_.restore(1).number, 5);
  EXPECT_EQ(serving(Task::detect), detect_);
  EXPECT_THAT(kept(), ElementsAre(1, 2, 3, 4));
}

TEST_F(ServiceTest, RestoringWhatWasNeverKeptNamesWhatIs) {
  EXPECT_THAT(error_of([&] { store_.restore({}); }), HasSubstr("store.generation"));
  store_.use({detect_}, Trust::verified);
  EXPECT_THAT(error_of([&] { store_.restore({}); }), HasSubstr("No earlier generation"));
  store_.use({pose_}, Trust::verified);
  EXPECT_THAT(error_of([&] { store_.restore(7); }), AllOf(HasSubstr("no generation 7"), HasSubstr("Kept are: 1.")));
}

TEST_F(ServiceTest, OnlySoundEnginesComeIntoServiceAndThenAllOrNone) {
  const std::string unvalidated = add_engine(store_, "d", Task::segment, std::nullopt);
  EXPECT_THAT(error_of([&] { store_.use({detect_, unvalidated}, Trust::verified); }), HasSubstr("store.unverified"));
  EXPECT_THAT(error_of([&] {
                store_.use({detect_, other_detect_}, Trust::verified);
              }),
              AllOf(HasSubstr("store.role"), HasSubstr("role detect")));
  EXPECT_THAT(error_of([&] { store_.use({detect_, "none"}, Trust::verified); }), HasSubstr("store.missing"));
  fs::resize_file(plan_file(store_, pose_), 10);
  EXPECT_THAT(error_of([&] { store_.use({detect_, pose_}, Trust::unverified); }), HasSubstr("store.damaged"));
  EXPECT_EQ(store_.current().number, 0);
  store_.use({unvalidated}, Trust::unverified);
  EXPECT_TRUE(store_.current().roles.at(Task::segment).unverified);
}

TEST_F(ServiceTest, EnginesThatAreNamedAreKept) {
  store_.use({detect_}, Trust::verified);
  EXPECT_THAT(error_of([&] { store_.remove(detect_, true); }), AllOf(HasSubstr("store.in_use"), HasSubstr("is in service")));
  store_.use({other_detect_}, Trust::verified);
  EXPECT_THAT(error_of([&] { store_.remove(detect_, false); }), AllOf(HasSubstr("generation 1"), HasSubstr("--force")));
  store_.remove(detect_, true);
  EXPECT_THAT(error_of([&] { store_.restore({}); }), HasSubstr("store.missing"));
  EXPECT_EQ(serving(Task::detect), other_detect_);
}

TEST_F(ServiceTest, ADamagedCurrentIsToldAndARestoreBringsTheLastGenerationBack) {
  store_.use({detect_}, Trust::verified);
  store_.use({other_detect_}, Trust::verified);
  write_text(root_ / "current", "{ damaged");
  EXPECT_THAT(error_of([&] { store_.current(); }), AllOf(HasSubstr("store.damaged"), HasSubstr("engines restore")));
  EXPECT_THAT(error_of([&] { store_.use({pose_}, Trust::verified); }), HasSubstr("store.damaged"));
  store_.restore({});
  EXPECT_EQ(serving(Task::detect), detect_);
  EXPECT_EQ(read_text(root_ / "current.damaged"), "{ damaged");
}

TEST_F(ServiceTest, ADamagedGenerationCostsOnlyItself) {
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
