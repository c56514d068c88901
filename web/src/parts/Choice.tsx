import { useId } from 'react';

interface Properties<T extends string> {
  label: string;
  value: T;
  options: ReadonlyArray<readonly [T, string]>;
  disabled?: boolean;
  onChange: (value: T) => void;
}

/** A labelled list to choose one of. */
export function Choice<T extends string>({ label, value, options, disabled, onChange }: Properties<T>) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} disabled={disabled} onChange={(event) => onChange(event.target.value as T)}>
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
