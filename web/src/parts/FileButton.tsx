import { useRef } from 'react';

interface Properties {
  label: string;
  accept: string;
  className?: string;
  onFile: (file: File) => void;
}

/** A button that lets a file be chosen. */
export function FileButton({ label, accept, className, onFile }: Properties) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className={className} onClick={() => input.current?.click()}>
        {label}
      </button>
      <input
        ref={input}
        type="file"
        accept={accept}
        hidden
        aria-label={label}
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = ''; // so that the same file may be chosen again
          if (file) onFile(file);
        }}
      />
    </>
  );
}
