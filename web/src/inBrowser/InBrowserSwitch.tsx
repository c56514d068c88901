import { useId } from 'react';
import { MOST_SIDE_PX } from './engine';

interface Properties {
  isOn: boolean;
  onChange: (isOn: boolean) => void;
}

/** Whether this browser paints, and nothing is uploaded. */
export function InBrowserSwitch({ isOn, onChange }: Properties) {
  const id = useId();
  return (
    <div className="switch">
      <input
        id={id}
        type="checkbox"
        role="switch"
        checked={isOn}
        aria-describedby={`${id}-what`}
        onChange={(event) => onChange(event.target.checked)}
      />
      <label htmlFor={id}>In this browser</label>
      <p id={`${id}-what`} className="quiet">
        {isOn
          ? `Nothing is uploaded. The model live paints here, up to ${MOST_SIDE_PX} px; colours, stroke size and own styles need the service.`
          : 'Paint without uploading anything; the runtime and the model (8 MB) are fetched once.'}
      </p>
    </div>
  );
}
