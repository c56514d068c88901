import { blendText, type Color, type Settings, type Share } from '../settings';

/** A style image of the visitor, as the service has read it. */
export interface OwnStyle {
  /** Null until the service has read it. */
  id: string | null;
  label: string;
  url: string;
  blob: Blob;
}

/** What decides how a photo is painted. */
export interface Choice {
  blend: Share[];
  own: OwnStyle | null;
  strength: number;
  stroke: number;
  color: Color;
  model: string;
  size: number;
}

export const choiceOf = (settings: Settings, own: OwnStyle | null): Choice => ({
  blend: own ? [] : settings.blend,
  own,
  strength: settings.strength,
  stroke: settings.stroke,
  color: settings.color,
  model: settings.model,
  size: settings.size,
});

/** Whether there is something to paint with. */
export const isComplete = ({ blend, own }: Choice): boolean => (own ? own.id !== null : blendText(blend) !== '');

/** The fields that name the style, for every form of the service. */
export const styleFields = ({ blend, own }: Pick<Choice, 'blend' | 'own'>) =>
  own ? { style_id: own.id } : { style: blendText(blend) };
