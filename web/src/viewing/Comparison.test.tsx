import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import type { Picture } from '../picture';
import { Comparison } from './Comparison';

const picture = (url: string): Picture => ({ blob: new Blob(), name: 'cat', url, width: 200, height: 100 });

afterEach(cleanup);

test('the slider says, in words, how much of the photo is seen', () => {
  const { container } = render(<Comparison before={picture('before')} after={picture('after')} zoom={2} />);
  const slider = screen.getByRole('slider', { name: /How much of the photo/ });
  expect(slider.getAttribute('aria-valuetext')).toBe('0 % photo, 100 % painting');
  fireEvent.change(slider, { target: { value: '40' } });
  expect(slider.getAttribute('aria-valuetext')).toBe('40 % photo, 60 % painting');
  const { style } = container.querySelector<HTMLElement>('.frame')!;
  expect([style.getPropertyValue('--seen'), style.getPropertyValue('--zoom'), style.getPropertyValue('--aspect')]).toEqual(['40', '2', '2']);
});
