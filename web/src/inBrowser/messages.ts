/** Between the page and its worker. */

export interface Job {
  id: number;
  width: number;
  height: number;
  /** RGBA. */
  pixels: ArrayBuffer;
  shares: ReadonlyArray<readonly [string, number]>;
  /** 0: the photo, 1: the painting. */
  strength: number;
}

export type Reply =
  | { id: number; pixels: ArrayBuffer; ms: number; provider: string }
  | { id: number; error: string };
