#include <cstdlib>
#include <gtest/gtest.h>

TEST(Sums, Pass) {}

TEST(Sums, Add) { EXPECT_EQ(1 + 1, 3) << "the sum of a and b"; }

TEST(Sums, Compare) {
  EXPECT_TRUE(1 > 2);
  ASSERT_STREQ("left", "right");
}

TEST(Sums, Skip) { GTEST_SKIP() << "not here"; }

class Cases : public testing::TestWithParam<int> {};
TEST_P(Cases, Odd) { EXPECT_EQ(GetParam() % 2, 1); }
INSTANTIATE_TEST_SUITE_P(Few, Cases, testing::Values(1, 2));

TEST(Ends, Throws) { throw std::runtime_error("out of stock"); }

TEST(Ends, Aborts) {
  if (std::getenv("ABORTS") != nullptr) std::abort();
}
