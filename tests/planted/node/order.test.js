// Known flakes, each by a real race: nothing here rolls dice. Run by `node --test` or by `node` alone.
'use strict';
const assert = require('node:assert');
const { readFile } = require('node:fs/promises');
const test = require('node:test');

// Fails when the thread pool is done with the second file before the first.
test('files arrive in the order in which they were asked for', async () => {
  for (let round = 0; round < 20; round++) {
    const arrived = [];
    await Promise.all(['first', 'second'].map((name) => readFile(__filename).then(() => arrived.push(name))));
    assert.strictEqual(arrived.join(', '), 'first, second');
  }
});
