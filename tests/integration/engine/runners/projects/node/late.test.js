const { test } = require("node:test");

test("forgets to wait", () => {
  setImmediate(() => {
    throw new Error("too late for anybody");
  });
});
