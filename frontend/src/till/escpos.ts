// A receipt as an ESC/POS printer reads it (Epson's command reference): 80 mm paper, 48 columns.

import { gb18030 } from "./gb18030.ts";
import type { Row } from "./receipt.ts";

const COLUMNS = 48;
const ESC = 0x1b;
const GS = 0x1d;
const FS = 0x1c;

const ALIGN = { left: 0, center: 1, right: 2 } as const;
/** What Windows-1252 has between 0x80 and 0x9f. */
const WESTERN = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

function western(each: string): number | null {
  const at = WESTERN.indexOf(each);
  if (at >= 0) return 0x80 + at;
  const point = each.codePointAt(0) ?? 0;
  return point < 0x80 || (point >= 0xa0 && point <= 0xff) ? point : null;
}

/** Chinese printers show what is not ASCII two columns wide. */
export function columns(text: string, chinese: boolean): number {
  return [...text].reduce((sum, each) => sum + (chinese && (each.codePointAt(0) ?? 0) > 0x7f ? 2 : 1), 0);
}

/** The bytes of a receipt.  `drawer`: also the pulse that opens it. */
export function escpos(rows: readonly Row[], { drawer = false } = {}): Uint8Array {
  const texts = rows.flatMap((row) =>
    "text" in row ? [row.text] : "left" in row ? [row.left, row.right] : [],
  );
  const chinese = texts.some((text) =>
    [...text.replaceAll("\u202f", " ")].some((each) => western(each) === null),
  );
  const encode = (text: string) =>
    chinese
      ? gb18030(text)
      : [...text.replaceAll("\u00a0", " ").replaceAll("\u202f", " ")].map((each) => western(each) ?? 0x3f);
  const bytes: number[] = [ESC, 0x40];
  if (drawer) bytes.push(...PULSE);
  // The printer reads two bytes as one character only when it is told to, else 茶 comes out as two signs.
  bytes.push(...(chinese ? [FS, 0x26] : [FS, 0x2e, ESC, 0x74, 16]));
  for (const row of rows) {
    if ("qr" in row) bytes.push(...qr(row.qr));
    else if ("rule" in row) bytes.push(...new Array(COLUMNS).fill(0x2d), 0x0a);
    else if ("left" in row) {
      bytes.push(...style(chinese, row.bold));
      for (const line of twoSides(row.left, row.right, chinese)) bytes.push(...encode(line), 0x0a);
      bytes.push(...style(chinese));
    } else {
      const align = ALIGN[row.align ?? "left"];
      bytes.push(ESC, 0x61, align, ...style(chinese, row.bold, row.big));
      for (const line of wrapped(row.text, row.big ? COLUMNS / 2 : COLUMNS, chinese))
        bytes.push(...encode(line), 0x0a);
      bytes.push(...style(chinese), ESC, 0x61, 0);
    }
  }
  // Feed to the knife, then cut, leaving a point.
  bytes.push(GS, 0x56, 66, 0);
  return new Uint8Array(bytes);
}

const PULSE = [ESC, 0x70, 0, 25, 250];

export function drawerPulse(): Uint8Array {
  return new Uint8Array([ESC, 0x40, ...PULSE]);
}

/** Chinese characters have a size of their own. */
function style(chinese: boolean, bold = false, big = false): number[] {
  const size = chinese ? [FS, 0x57, big ? 1 : 0] : [];
  return [ESC, 0x45, bold ? 1 : 0, GS, 0x21, big ? 0x11 : 0, ...size];
}

function twoSides(left: string, right: string, chinese: boolean): string[] {
  const room = COLUMNS - columns(right, chinese) - 1;
  const lines = wrapped(left, Math.max(8, room), chinese);
  const last = lines.pop() ?? "";
  const gap = Math.max(1, COLUMNS - columns(last, chinese) - columns(right, chinese));
  return [...lines, `${last}${" ".repeat(gap)}${right}`];
}

export function wrapped(text: string, room: number, chinese: boolean): string[] {
  const lines: string[] = [];
  let line = "";
  for (const part of text.split(/(?<=\s)|(?<=\P{ASCII})/u)) {
    if (line !== "" && columns(line + part.trimEnd(), chinese) > room) {
      lines.push(line.trimEnd());
      line = "";
    }
    for (const each of part) {
      if (columns(line + each, chinese) > room) {
        lines.push(line);
        line = "";
      }
      line += each;
    }
  }
  return [...lines, line.trimEnd()];
}

/** Model 2, six dots a module, correction M. */
function qr(text: string): number[] {
  const data = [...new TextEncoder().encode(text)];
  const size = data.length + 3;
  return [
    ESC,
    0x61,
    1,
    GS,
    0x28,
    0x6b,
    4,
    0,
    0x31,
    0x41,
    0x32,
    0,
    GS,
    0x28,
    0x6b,
    3,
    0,
    0x31,
    0x43,
    6,
    GS,
    0x28,
    0x6b,
    3,
    0,
    0x31,
    0x45,
    0x31,
    GS,
    0x28,
    0x6b,
    size & 0xff,
    size >> 8,
    0x31,
    0x50,
    0x30,
    ...data,
    GS,
    0x28,
    0x6b,
    3,
    0,
    0x31,
    0x51,
    0x30,
    0x0a,
    ESC,
    0x61,
    0,
  ];
}
