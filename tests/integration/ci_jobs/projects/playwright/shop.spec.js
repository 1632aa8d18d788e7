const { existsSync, writeFileSync } = require('node:fs');
const { test, expect } = require('@playwright/test');
const mark = process.env.FLAKY_MARK;
test.describe('shop', () => {
  test('passes', () => {});
  test('adds', () => { expect(1 + 1).toBe(3); });
  test('throws <&> "it"', () => { throw new TypeError('no till\nat all'); });
  test.skip('later', () => {});
});
test('sometimes', () => {
  if (mark && !existsSync(mark)) { writeFileSync(mark, ''); throw new Error('only the first time'); }
});
