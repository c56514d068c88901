import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { LossChart } from './LossChart';
import type { Progress } from './useOptimisation';

const after = (iteration: number, total: number): Progress => ({
  iteration,
  num_iterations: 100,
  width: 64,
  height: 64,
  losses: { total, content: total / 2, style: total / 4, tv: 0 },
  eta_seconds: null,
});

afterEach(cleanup);

test('losses fall over the width that the iterations will take', () => {
  const { container } = render(<LossChart curve={[after(0, 1000), after(50, 10)]} />);
  const points = container.querySelector('polyline.total')!.getAttribute('points')!.split(' ').map((point) => point.split(',').map(Number));
  expect(points.map(([x]) => x)).toEqual([0, 300]);
  expect(points[0]![1]).toBe(0);
  expect(points[1]![1]).toBeGreaterThan(100);
});

test('a loss of 0 has no place on a logarithmic axis, and the figures are read out', () => {
  const { container } = render(<LossChart curve={[after(1, 10), after(2, 1)]} />);
  expect(container.querySelector('polyline.tv')!.getAttribute('points')).toBe('');
  expect(screen.getByRole('img').getAttribute('aria-label')).toBe(
    'Losses after iteration 2: total 1.00, content 0.500, style 0.250, total variation 0.00',
  );
});
