const assert = require("node:assert");
const { describe, it, test } = require("node:test");

describe("sums", () => {
  it("passes", () => {});
  it("adds", () => assert.strictEqual(2, 3));
  it("compares", () => assert.ok(false, "left and right differ"));
});

describe("shop", () => {
  it("adds", () => {
    throw new TypeError("x is not y");
  });
});

test("parts", async (t) => {
  await t.test("second", () => assert.deepStrictEqual({ a: 1 }, { a: 2 }));
});

test("left for later", { todo: true }, () => assert.ok(false));
test("skipped", { skip: true }, () => {});
