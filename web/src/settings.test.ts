// @vitest-environment node
import { expect, test } from 'vitest';
import { blendText, DEFAULTS, hashOf, type Settings, settingsOf } from './settings';

const OTHERS: Settings = {
  mode: 'optimise',
  blend: [
    { name: 'scream', weight: 70 },
    { name: 'great-wave', weight: 25 },
  ],
  strength: 0.5,
  stroke: 2,
  color: 'luma',
  model: 'live',
  size: 640,
  browser: true,
  stability: 'high',
  iterations: 100,
  pixels: 256,
  init: 'random',
  content: 2,
  style: 5,
  tv: 0,
};

test('the defaults need no address', () => {
  expect(hashOf(DEFAULTS)).toBe('');
  expect(settingsOf('')).toEqual(DEFAULTS);
});

test('an address gives every setting again', () => {
  expect(Object.entries(OTHERS).filter(([name, value]) => value === DEFAULTS[name as keyof Settings])).toEqual([]);
  expect(settingsOf(`#${hashOf(OTHERS)}`)).toEqual(OTHERS);
});

test.each([
  'strength=nonsense&mode=fly&color=pink&init=&size=-1e9&iterations=NaN&content=&tv=x',
  'strength=&stroke=%00&browser=true&style=x',
])('what is wrong in an address is left out: %s', (hash) => {
  expect({ ...settingsOf(hash), size: DEFAULTS.size }).toEqual(DEFAULTS);
});

test('numbers in an address are kept within their limits', () => {
  expect(settingsOf('strength=9&stroke=0.001&iterations=1e9')).toMatchObject({ strength: 2, stroke: 0.25, iterations: 2000 });
});

test('an address blends at most three styles', () => {
  expect(settingsOf('styles=a,b,c,d').blend.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
});

test.each([
  ['a', [{ name: 'a', weight: 30 }]],
  ['a:30,b:70', [{ name: 'a', weight: 30 }, { name: 'b', weight: 70 }]],
  ['b', [{ name: 'a', weight: 0 }, { name: 'b', weight: 5 }]],
  ['', [{ name: 'a', weight: 0 }]],
])('the service is told %j', (text, blend) => expect(blendText(blend)).toBe(text));
