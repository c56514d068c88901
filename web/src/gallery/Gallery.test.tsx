import { cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, test, vi } from 'vitest';
import type { Share } from '../settings';
import { Blend } from './Blend';
import { Gallery } from './Gallery';

const NAMES = ['a', 'b', 'c', 'd'];
const CATALOGUE = {
  styles: NAMES.map((name) => ({ name, title: `Title ${name}`, painter: '', year: '', preview: null, models: ['live'] })),
  models: [],
  paintings: new Map<string, string>(),
  error: null,
};
const share = (name: string, weight = 100): Share => ({ name, weight });

function shown(blend: Share[]) {
  const onBlend = vi.fn();
  render(
    <Gallery
      catalogue={CATALOGUE}
      previews={new Map()}
      blend={blend}
      own={null}
      ownChosen={false}
      ownError={null}
      previewError={null}
      onBlend={onBlend}
      onOwn={() => {}}
      onOwnChosen={() => {}}
    />,
  );
  return onBlend;
}

afterEach(cleanup);

test('one style is chosen', async () => {
  const onBlend = shown([share('a')]);
  expect(screen.getByRole('button', { name: 'Title a' }).getAttribute('aria-pressed')).toBe('true');
  await userEvent.click(screen.getByRole('button', { name: 'Title c' }));
  expect(onBlend).toHaveBeenCalledWith([share('c')]);
});

test('others are added up to three', async () => {
  const onBlend = shown([share('a'), share('b')]);
  await userEvent.click(screen.getByRole('button', { name: 'Blend with Title d' }));
  expect(onBlend).toHaveBeenCalledWith([share('a'), share('b'), share('d', 50)]);
  cleanup();
  shown(['a', 'b', 'c'].map((name) => share(name)));
  expect(screen.queryByRole('button', { name: /^Blend with/ })).toBeNull();
});

test('nothing can be blended before a style is chosen', () => {
  shown([]);
  expect(screen.queryByRole('button', { name: /^Blend with/ })).toBeNull();
});

test('shares are shown in hundredths, and none at all is refused', () => {
  const { rerender } = render(<Blend catalogue={CATALOGUE} blend={[share('a', 30), share('b', 10)]} onBlend={() => {}} />);
  expect(screen.getByRole('slider', { name: 'Title a' }).getAttribute('aria-valuetext')).toBe('75 %');
  rerender(<Blend catalogue={CATALOGUE} blend={[share('a', 0), share('b', 0)]} onBlend={() => {}} />);
  expect(screen.getByText(/All shares are 0/)).toBeTruthy();
});
