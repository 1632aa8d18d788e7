const fs = require('fs');
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
jest.retryTimes(2);
test('sometimes', () => {
  if (mark && !fs.existsSync(mark)) { fs.writeFileSync(mark, ''); throw new Error('only the first time'); }
});
