interface Properties {
  message: string | null;
  onRetry?: (() => void) | undefined;
}

/** A sentence that says what went wrong, beside what caused it. */
export function ErrorNote({ message, onRetry }: Properties) {
  return (
    <div role="alert" className="error-slot">
      {message && (
        <p className="error">
          {message}
          {onRetry && (
            <button type="button" className="plain" onClick={onRetry}>
              Try again
            </button>
          )}
        </p>
      )}
    </div>
  );
}
