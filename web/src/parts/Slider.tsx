import { useId } from 'react';

interface Properties {
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  shown?: string;
  disabled?: boolean;
  onChange: (value: number) => void;
}

/** A labelled slider; its value is told in words. */
export function Slider({ label, value, min, max, step, shown, disabled, onChange }: Properties) {
  const id = useId();
  return (
    <div className="slider">
      <label htmlFor={id}>{label}</label>
      <output htmlFor={id}>{shown ?? value}</output>
      <input
        id={id}
        type="range"
        value={value}
        min={min}
        max={max}
        step={step}
        disabled={disabled}
        aria-valuetext={shown}
        onChange={(event) => onChange(event.target.valueAsNumber)}
      />
    </div>
  );
}
