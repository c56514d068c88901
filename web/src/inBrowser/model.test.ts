// @vitest-environment node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mixed, rgbOf } from './pixels';
import { styleNames } from './styleNames';

test('the bundled model names its styles', () => {
  const file = join(import.meta.dirname, '../../../nst_engine/bundled/models/live-uint8.onnx');
  const names = styleNames(readFileSync(file));
  expect(names).toHaveLength(16);
  expect(names).toContain('great-wave');
});

test('a file without names is told', () => {
  expect(() => styleNames(new Uint8Array([8, 1]))).toThrow('does not name its styles');
});

test('transparent pixels lie on white', () => {
  expect([...rgbOf(new Uint8ClampedArray([10, 20, 30, 255, 0, 0, 0, 0, 0, 0, 0, 51]))]).toEqual([10, 20, 30, 255, 255, 255, 204, 204, 204]);
});

test.each([
  [0, [100, 0, 200, 255]],
  [0.5, [150, 50, 100, 255]],
  [1, [200, 100, 0, 255]],
])('strength %d is between photo and painting', (strength, expected) => {
  expect([...mixed(new Uint8Array([100, 0, 200]), new Uint8Array([200, 100, 0]), strength)]).toEqual(expected);
});
