import { type CSSProperties, useState } from 'react';
import type { Picture } from '../picture';

interface Properties {
  before: Picture;
  after: Picture;
  zoom: number;
}

/** The photo and what became of it, one over the other; the slider says how much of each is seen. */
export function Comparison({ before, after, zoom }: Properties) {
  const [split, setSplit] = useState(0);
  const style = { '--aspect': after.width / after.height, '--seen': split, '--zoom': zoom } as CSSProperties;
  return (
    <div className="frame" style={style}>
      <img src={after.url} alt={`${before.name}, painted`} width={after.width} height={after.height} />
      <img className="over" src={before.url} alt="" />
      <input
        type="range"
        min={0}
        max={100}
        value={split}
        aria-label="How much of the photo is seen, from the left"
        aria-valuetext={`${split} % photo, ${100 - split} % painting`}
        onChange={(event) => setSplit(event.target.valueAsNumber)}
      />
      <i className="handle" />
    </div>
  );
}
