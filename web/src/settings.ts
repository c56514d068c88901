/** What can be set, and its form in the address, so that a link shares it. Pictures are never in there. */

export const MODES = ['paint', 'optimise', 'camera', 'video'] as const;
export type Mode = (typeof MODES)[number];
export const COLORS = ['', 'luma', 'match', 'histogram'] as const;
export type Color = (typeof COLORS)[number];
export const INITS = ['content', 'random', 'style'] as const;
export type Init = (typeof INITS)[number];
export const STABILITIES = ['off', 'low', 'high'] as const;
export type Stability = (typeof STABILITIES)[number];

export interface Share {
  name: string;
  /** 0 to 100. */
  weight: number;
}

export interface Settings {
  mode: Mode;
  blend: Share[];
  strength: number;
  stroke: number;
  color: Color;
  model: string;
  size: number;
  browser: boolean;
  stability: Stability;
  iterations: number;
  pixels: number;
  init: Init;
  content: number;
  /** null: what the service takes by itself. */
  style: number | null;
  tv: number;
}

export const MOST_STYLES = 3;

export const DEFAULTS: Settings = {
  mode: 'paint',
  blend: [],
  strength: 1,
  stroke: 1,
  color: '',
  model: '',
  size: 1280,
  browser: false,
  stability: 'low',
  iterations: 200,
  pixels: 512,
  init: 'content',
  content: 1,
  style: null,
  tv: 2,
};

/** `great-wave`, or `great-wave:70,scream:30`. */
export const blendText = (blend: readonly Share[]): string => {
  const counted = blend.filter(({ weight }) => weight > 0);
  if (counted.length === 1) return counted[0]!.name;
  return counted.map(({ name, weight }) => `${name}:${weight}`).join(',');
};

const blendOf = (text: string): Share[] =>
  text
    .split(',')
    .filter(Boolean)
    .slice(0, MOST_STYLES)
    .map((part) => {
      const [name = '', weight] = part.split(':');
      return { name, weight: weight === undefined ? 100 : clamped(Number(weight), 0, 100, 100) };
    });

const clamped = (value: number, low: number, high: number, otherwise: number): number =>
  Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : otherwise;

const LIMITS = {
  strength: [0, 2],
  stroke: [0.25, 4],
  size: [256, 4096],
  iterations: [10, 2000],
  pixels: [128, 2048],
  content: [0, 1000],
  tv: [0, 1000],
} as const;

/** The settings that differ from the defaults, as the part of an address after `#`. */
export function hashOf(settings: Settings): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(settings)) {
    if (name === 'blend') {
      if (settings.blend.length) parameters.set('styles', blendText(settings.blend));
    } else if (value !== DEFAULTS[name as keyof Settings]) {
      parameters.set(name, value === true ? 'yes' : String(value));
    }
  }
  return parameters.toString().replaceAll('%3A', ':').replaceAll('%2C', ',');
}

/** The settings in an address; what is wrong or missing there is the default. */
export function settingsOf(hash: string): Settings {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const oneOf = <T extends string>(name: string, choices: readonly T[], otherwise: T): T =>
    choices.find((choice) => choice === given.get(name)) ?? otherwise;
  const number = (name: keyof typeof LIMITS): number => {
    const text = given.get(name);
    const [low, high] = LIMITS[name];
    return clamped(text ? Number(text) : NaN, low, high, DEFAULTS[name]);
  };
  return {
    mode: oneOf('mode', MODES, DEFAULTS.mode),
    blend: blendOf(given.get('styles') ?? ''),
    strength: number('strength'),
    stroke: number('stroke'),
    color: oneOf('color', COLORS, DEFAULTS.color),
    model: given.get('model') ?? '',
    size: number('size'),
    browser: given.get('browser') === 'yes',
    stability: oneOf('stability', STABILITIES, DEFAULTS.stability),
    iterations: number('iterations'),
    pixels: number('pixels'),
    init: oneOf('init', INITS, DEFAULTS.init),
    content: number('content'),
    style: given.get('style') ? clamped(Number(given.get('style')), 0, 1e6, NaN) || null : null,
    tv: number('tv'),
  };
}
