// What the server will understand of an amount or a quantity, while it is typed: the twin of src/shopfloor/kernel/amounts.py.
// Both are tested with tests/vectors/amounts.json.

import { MARKS, NOT_TWO } from "./currencies.ts";

/** An amount in minor units or a quantity; two readings; or the code of the refusal. */
export type Read =
  | { readonly value: number }
  | { readonly smaller: string; readonly larger: string }
  | { readonly refused: string };
type Digits =
  | { readonly whole: string; readonly fraction: string }
  | { readonly smaller: string; readonly larger: string }
  | null;

const LONGEST = 40;
const MAX_MINOR = 10n ** 12n;
const MAX_QUANTITY = 1_000_000;
const SIGNS_FROM = [..."٫٬，．。｡’ʼ＇－−＋＄￡￥￦"];
const SIGNS_TO = [...".',...'''--+$£¥₩"];

export function readMinor(text: string, currency: string, sign: string): Read {
  const decimals = NOT_TWO[currency] ?? 2;
  const plain = bare(text, currency);
  if (plain === null) return { refused: "amount.unreadable" };
  const negative = plain.startsWith("-");
  const found = digitsOf(negative ? plain.slice(1) : plain, decimals, sign);
  if (found === null) return { refused: "amount.unreadable" };
  if (negative) return { refused: "amount.negative" };
  if ("smaller" in found) return found;
  if (/[^0]/.test(found.fraction.slice(decimals))) return { refused: "amount.decimals" };
  const minor = BigInt(found.whole + found.fraction.slice(0, decimals).padEnd(decimals, "0"));
  return minor > MAX_MINOR ? { refused: "amount.too_large" } : { value: Number(minor) };
}

export function readQuantity(text: string, least: number, sign: string): Read {
  const refused = { refused: "quantity.unreadable" };
  const plain = bare(text, null);
  if (plain === null) return { refused: "amount.unreadable" };
  const negative = plain.startsWith("-");
  const found = digitsOf(negative ? plain.slice(1) : plain.replace(/^\+/, ""), 0, sign);
  if (found === null) return refused;
  if ("smaller" in found)
    return negative ? { smaller: `-${found.smaller}`, larger: `-${found.larger}` } : found;
  if (found.fraction !== "" || found.whole.length > 18) return refused;
  const value = negative ? -Number(found.whole) : Number(found.whole);
  return value < least || value > MAX_QUANTITY ? refused : { value };
}

function bare(text: string, currency: string | null): string | null {
  const points = [...text];
  if (points.length > LONGEST) return null;
  const plain = points
    .map((each) => SIGNS_TO[SIGNS_FROM.indexOf(each)] ?? (/\p{Nd}/u.test(each) ? String(digit(each)) : each))
    .join("")
    .replace(/\s/g, " ")
    .trim();
  if (currency === null) return plain;
  const fitting = [
    currency,
    ...Object.keys(MARKS).filter((mark) => MARKS[mark]?.split(" ").includes(currency)),
  ];
  const either = fitting
    .sort((one, other) => other.length - one.length)
    .map((mark) => mark.replace(/[$.*+?^(){}|[\]\\/]/g, "\\$&"))
    .join("|");
  return plain
    .replace(new RegExp(`^([+-]?) ?(?:${either}) ?(?=[-+0-9.,])`, "iu"), "$1")
    .replace(new RegExp(`(?<=[-0-9–—]) ?(?:${either})$`, "iu"), "")
    .trim();
}

/** Decimal digits of every script stand in blocks of ten. */
function digit(each: string): number {
  const point = each.codePointAt(0) ?? 0;
  let before = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(point - before - 1))) before += 1;
  return before % 10;
}

function digitsOf(text: string, decimals: number, sign: string): Digits {
  const dashed = decimals > 0 ? text.replace(/(?<=[0-9])[.,](?:--?|[–—])$/, "") : text;
  if (dashed !== text) return /^[0-9]+(?:[.,' ][0-9]+)*$/.test(dashed) ? plainly(dashed, "") : null;
  if (!/^(?:[0-9]+(?:[.,' ][0-9]+)*|[.,][0-9]+)$/.test(text)) return null;
  const signs = text.match(/[.,]/g) ?? [];
  const last = signs.at(-1);
  if (last === undefined) return plainly(text, "");
  if (/[' ]/.test(text) || new Set(signs).size > 1) {
    const at = text.lastIndexOf(last);
    const [whole, fraction] = [text.slice(0, at), text.slice(at + 1)];
    return whole.includes(last) || !/^[0-9]+$/.test(fraction) ? null : plainly(whole, fraction);
  }
  if (signs.length > 1) return plainly(text, "");
  const [whole = "", fraction = ""] = text.split(last);
  if (fraction.length !== 3 || whole.length < 1 || whole.length > 3 || whole.startsWith("0"))
    return { whole: whole || "0", fraction };
  if (decimals === 3 && (last === "." || last === sign)) return { whole, fraction };
  const exact = !/[^0]/.test(fraction.slice(decimals));
  if ((last !== sign || decimals === 0) && !(exact && (decimals > 0 || last === sign)))
    return { whole: whole + fraction, fraction: "" };
  if (!exact) return { whole, fraction };
  return {
    smaller: decimals > 0 ? `${whole}.${fraction.slice(0, decimals)}` : whole,
    larger: whole + fraction,
  };
}

function plainly(text: string, fraction: string): Digits {
  const separators = new Set(text.match(/[^0-9]/g) ?? []);
  if (separators.size === 0) return { whole: text, fraction };
  const [one = ""] = separators;
  const group = one === "." ? "\\." : one;
  const grouped = new RegExp(
    `^(?:[0-9]{1,3}(?:${group}[0-9]{3})+|[0-9]{1,2}(?:${group}[0-9]{2})+${group}[0-9]{3})$`,
  );
  return separators.size > 1 || !grouped.test(text) ? null : { whole: text.replaceAll(one, ""), fraction };
}
