/** RGB of RGBA; what is transparent lies on white. */
export function rgbOf(rgba: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    const alpha = rgba[from + 3]! / 255;
    for (let channel = 0; channel < 3; channel++) {
      rgb[to++] = Math.round(rgba[from + channel]! * alpha + 255 * (1 - alpha));
    }
  }
  return rgb;
}

/** RGBA between the photo (0) and the painting (1), both RGB: what `rgbOf` has laid on white stays there. */
export function mixed(photo: Uint8Array, painting: Uint8Array, strength: number): Uint8ClampedArray<ArrayBuffer> {
  const result = new Uint8ClampedArray((photo.length / 3) * 4);
  for (let to = 0, from = 0; to < result.length; to += 4) {
    for (let channel = 0; channel < 3; channel++, from++) {
      const before = photo[from]!;
      result[to + channel] = before + (painting[from]! - before) * strength;
    }
    result[to + 3] = 255;
  }
  return result;
}
