import { Dropzone } from './parts/Dropzone';
import { ErrorNote } from './parts/ErrorNote';
import { FileButton } from './parts/FileButton';
import { TakePhoto } from './parts/TakePhoto';

interface Properties {
  kind: 'image' | 'video';
  hasOne: boolean;
  error: string | null;
  onFile: (file: File) => void;
}

const WORDS = {
  image: { title: 'Drop a picture here', hint: 'or paste one', choose: 'Choose a picture', another: 'Another picture' },
  video: { title: 'Drop a video here', hint: 'or paste one', choose: 'Choose a video', another: 'Another video' },
} as const;

/** Where a picture or video is given: large while there is none, a line afterwards. */
export function PhotoStart({ kind, hasOne, error, onFile }: Properties) {
  const { title, hint, choose, another } = WORDS[kind];
  return (
    <Dropzone kind={kind} onFile={onFile}>
      <div className={hasOne ? 'start small' : 'start'}>
        {!hasOne && (
          <>
            <h1>{title}</h1>
            <p className="quiet">{hint}</p>
          </>
        )}
        <div className="group">
          <FileButton label={hasOne ? another : choose} accept={`${kind}/*`} className={hasOne ? '' : 'accent'} onFile={onFile} />
          {kind === 'image' && <TakePhoto onFile={onFile} />}
        </div>
        <ErrorNote message={error} />
      </div>
    </Dropzone>
  );
}
