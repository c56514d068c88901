/** The names of a model's styles, in the order of its weights, from the metadata of the ONNX file (protocol buffers). */
export function styleNames(model: Uint8Array): string[] {
  for (const entry of fieldsOf(model, 14)) {
    const [key, value] = [1, 2].map((number) => new TextDecoder().decode([...fieldsOf(entry, number)][0]));
    if (key === 'nst_engine') return (JSON.parse(value!) as { styles: string[] }).styles;
  }
  throw new Error('The model does not name its styles; load the page again.');
}

/** The parts of a message that have this number, and a length. */
function* fieldsOf(message: Uint8Array, wanted: number): Generator<Uint8Array> {
  let place = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[place++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (place < message.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === 0) varint();
    else if (kind === 1) place += 8;
    else if (kind === 5) place += 4;
    else {
      const length = varint();
      if (Math.floor(tag / 8) === wanted) yield message.subarray(place, place + length);
      place += length;
    }
  }
}
