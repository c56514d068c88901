import { type FormEvent, useState } from 'react';

/** Asks for the key of the service. */
export function KeyField({ onKey }: { onKey: (key: string) => void }) {
  const [key, setKey] = useState('');
  const give = (event: FormEvent) => {
    event.preventDefault();
    onKey(key.trim());
  };
  return (
    <form className="key" onSubmit={give}>
      <label htmlFor="key">This service wants a key. It is kept until you leave the page.</label>
      <input
        id="key"
        type="password"
        autoComplete="off"
        required
        value={key}
        onChange={(event) => setKey(event.target.value)}
      />
      <button type="submit" className="accent">
        Use it
      </button>
    </form>
  );
}
