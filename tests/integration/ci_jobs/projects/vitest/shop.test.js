import { existsSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
const mark = process.env.FLAKY_MARK;
describe('shop', () => {
  test('passes', () => {});
  test('adds', () => { expect(1 + 1).toBe(3); });
  test('throws <&> "it"', () => { throw new TypeError('no till\nat all'); });
  test.each([[1], [2]])('odd %i', (n) => { expect(n % 2).toBe(1); });
  test.skip('later', () => {});
  test.todo('never');
  describe('till', () => { test('rejects', async () => { await Promise.reject(new Error('closed')); }); });
});
test('sometimes', { retry: 2 }, () => {
  if (mark && !existsSync(mark)) { writeFileSync(mark, ''); throw new Error('only the first time'); }
});
