import { type ReactNode, useEffect, useState } from 'react';

interface Properties {
  kind: 'image' | 'video';
  onFile: (file: File) => void;
  children: ReactNode;
}

/** Takes files that are dropped on the page or pasted into it. */
export function Dropzone({ kind, onFile, children }: Properties) {
  const [isOver, setOver] = useState(false);

  useEffect(() => {
    const take = (files: FileList | undefined, event: Event) => {
      const file = [...(files ?? [])].find(({ type }) => type.startsWith(`${kind}/`)) ?? files?.[0];
      if (!file) return;
      event.preventDefault();
      onFile(file);
    };
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => event.relatedTarget === null && setOver(false);
    const drop = (event: DragEvent) => {
      setOver(false);
      take(event.dataTransfer?.files, event);
    };
    const paste = (event: ClipboardEvent) => take(event.clipboardData?.files, event);
    addEventListener('dragover', over);
    addEventListener('dragleave', leave);
    addEventListener('drop', drop);
    addEventListener('paste', paste);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('dragleave', leave);
      removeEventListener('drop', drop);
      removeEventListener('paste', paste);
    };
  }, [kind, onFile]);

  return <div className={isOver ? 'drop over' : 'drop'}>{children}</div>;
}
