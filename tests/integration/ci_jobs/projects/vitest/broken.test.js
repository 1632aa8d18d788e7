import './nothing-there.js';
import { test } from 'vitest';
test('x', () => {});
