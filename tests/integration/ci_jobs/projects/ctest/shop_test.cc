#include <gtest/gtest.h>
#include <stdexcept>

TEST(Sums, Pass) {}
TEST(Sums, Add) { EXPECT_EQ(1 + 1, 3) << "the sum <&>"; }
TEST(Sums, Throws) { throw std::runtime_error("out of stock"); }
TEST(Sums, Skip) { GTEST_SKIP() << "not here"; }
TEST(Sums, DISABLED_Later) {}
class Cases : public testing::TestWithParam<int> {};
TEST_P(Cases, Odd) { EXPECT_EQ(GetParam() % 2, 1); }
INSTANTIATE_TEST_SUITE_P(Few, Cases, testing::Values(1, 2));
