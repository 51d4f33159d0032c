// Text as printers with Chinese characters read it.  Browsers decode GB18030 and do not encode it: the table is made
// once, by decoding every two-byte code.

let table: Map<string, number> | null = null;

function codes(): Map<string, number> {
  if (table !== null) return table;
  const decoder = new TextDecoder("gb18030");
  const made = new Map<string, number>();
  for (let lead = 0x81; lead <= 0xfe; lead++) {
    const trails = Array.from({ length: 0xbf }, (_, at) => 0x40 + at).filter((trail) => trail !== 0x7f);
    const bytes = new Uint8Array(trails.flatMap((trail) => [lead, trail]));
    const found = [...decoder.decode(bytes)];
    // A code that says nothing may swallow its neighbour: such a row is read code by code.
    const each =
      found.length === trails.length
        ? found
        : trails.map((trail) => decoder.decode(new Uint8Array([lead, trail])));
    trails.forEach((trail, at) => {
      const text = each[at] ?? "";
      if ([...text].length === 1 && text !== "\ufffd" && !made.has(text)) made.set(text, (lead << 8) | trail);
    });
  }
  table = made;
  return made;
}

/** Printers know "￥" of full width, not "¥"; what they do not know at all is "?". */
export function gb18030(text: string): number[] {
  const known = codes();
  return [
    ...text.normalize("NFC").replaceAll("¥", "￥").replaceAll("\u00a0", " ").replaceAll("\u202f", " "),
  ].flatMap((each) => {
    const point = each.codePointAt(0) ?? 0;
    if (point < 0x80) return [point];
    const code = known.get(each);
    return code === undefined ? [0x3f] : [code >> 8, code & 0xff];
  });
}
