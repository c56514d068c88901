import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, test, vi } from 'vitest';
import { DEFAULTS } from '../settings';
import { OptimiseForm } from './OptimiseForm';

function shown(refused: string | null, isWorking = false) {
  const [change, onBegin] = [vi.fn(), vi.fn()];
  render(<OptimiseForm settings={DEFAULTS} change={change} refused={refused} isWorking={isWorking} onBegin={onBegin} />);
  return { change, onBegin };
}

afterEach(cleanup);

test('noise and both weights are offered', async () => {
  const { change, onBegin } = shown(null);
  await userEvent.selectOptions(screen.getByLabelText('First picture'), 'noise');
  fireEvent.change(screen.getByLabelText('Content weight'), { target: { value: '3' } });
  fireEvent.change(screen.getByLabelText('Style weight'), { target: { value: '12' } });
  expect(change.mock.calls).toEqual([[{ init: 'random' }], [{ content: 3 }], [{ style: 12 }]]);
  await userEvent.click(screen.getByRole('button', { name: 'Begin' }));
  expect(onBegin).toHaveBeenCalledOnce();
});

test.each([
  ['Choose a style.', false],
  [null, true],
])('it does not begin when %j, at work: %j', (refused, isWorking) => {
  shown(refused, isWorking);
  expect(screen.getByRole<HTMLButtonElement>('button').disabled).toBe(true);
  if (refused) expect(screen.getByText(refused)).toBeTruthy();
});
