interface Properties<T extends string> {
  label: string;
  value: T;
  tabs: ReadonlyArray<readonly [T, string]>;
  onChange: (value: T) => void;
}

/** Buttons of which one is pressed. */
export function Tabs<T extends string>({ label, value, tabs, onChange }: Properties<T>) {
  return (
    <div className="tabs" role="group" aria-label={label}>
      {tabs.map(([key, text]) => (
        <button key={key} type="button" aria-pressed={key === value} onClick={() => onChange(key)}>
          {text}
        </button>
      ))}
    </div>
  );
}
