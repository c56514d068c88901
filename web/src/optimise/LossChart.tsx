import type { Losses, Progress } from './useOptimisation';

const WIDTH = 600;
const HEIGHT = 160;
const CURVES = ['total', 'content', 'style', 'tv'] as const satisfies ReadonlyArray<keyof Losses>;
const NAMES = { total: 'total', content: 'content', style: 'style', tv: 'total variation' };

/** The losses over the iterations; the vertical axis is logarithmic. */
export function LossChart({ curve }: { curve: readonly Progress[] }) {
  const last = curve.at(-1);
  if (!last) return null;
  const values = curve.flatMap(({ losses }) => CURVES.map((name) => losses[name])).filter((value) => value > 0);
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const x = (iteration: number) => (WIDTH * iteration) / last.num_iterations;
  const y = (value: number) => HEIGHT - (HEIGHT * (Math.log10(value) - low)) / (high - low || 1);
  const path = (name: keyof Losses) =>
    curve
      .filter(({ losses }) => losses[name] > 0)
      .map(({ iteration, losses }) => `${x(iteration).toFixed(1)},${y(losses[name]).toFixed(1)}`)
      .join(' ');
  return (
    <figure className="chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={spoken(last)}>
        {CURVES.map((name) => (
          <polyline key={name} className={name} points={path(name)} />
        ))}
      </svg>
      <figcaption>
        {CURVES.map((name) => (
          <span key={name} className={name}>
            {NAMES[name]} {short(last.losses[name])}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

const short = (value: number): string => (value >= 0.01 || value === 0 ? value.toPrecision(3) : value.toExponential(1));

const spoken = ({ iteration, losses }: Progress): string =>
  `Losses after iteration ${iteration}: ${CURVES.map((name) => `${NAMES[name]} ${short(losses[name])}`).join(', ')}`;
