// What a barcode says: a product's own code, or one that the shop's scale printed with a weight or a price in it.

import type { Pattern } from "./protocol.ts";

/** The last digit of a code of 8, 12, 13 or 14 digits is worked out from the others (GS1, modulo 10). */
export function hasCheckDigit(code: string): boolean {
  if (!/^(?:\d{8}|\d{12,14})$/.test(code)) return false;
  let sum = 0;
  for (let at = code.length - 2, weight = 3; at >= 0; at--, weight = 4 - weight)
    sum += Number(code[at]) * weight;
  return (10 - (sum % 10)) % 10 === Number(code.at(-1));
}

/** UPC-A is an EAN-13 without its leading zero; a scanner sends either. */
export function plainCode(code: string): string {
  const bare = code.trim();
  return /^0\d{12}$/.test(bare) ? bare.slice(1) : bare;
}

export interface Label {
  readonly pattern: Pattern;
  /** Under which of these the product may be kept: the code with a zero value, prefix and number, the number. */
  readonly items: readonly string[];
  /** Grams, or minor units. */
  readonly value: number;
}

/** Null where this is none of the shop's own labels.  `decimals` of the currency. */
export function labelOf(code: string, patterns: readonly Pattern[], decimals: number): Label | null {
  if (!/^\d{13}$/.test(code) || !hasCheckDigit(code)) return null;
  const pattern = patterns.find(
    (each) => code.startsWith(each.prefix) && each.prefix.length + each.item_digits + each.value_digits <= 12,
  );
  if (pattern === undefined) return null;
  const from = pattern.prefix.length;
  const item = code.slice(from, from + pattern.item_digits);
  // Between number and value some scales print a digit that checks the value.
  const digits = code.slice(12 - pattern.value_digits, 12);
  const wanted = pattern.value === "weight" ? 3 : decimals;
  const value = Math.round(Number(digits) * 10 ** (wanted - pattern.decimals));
  const stem = `${pattern.prefix}${item}`;
  const blank = stem.padEnd(12, "0");
  return { pattern, items: [`${blank}${checkDigit(blank)}`, blank, stem, item], value };
}

function checkDigit(stem: string): string {
  for (let digit = 0; digit < 10; digit++) if (hasCheckDigit(`${stem}${digit}`)) return String(digit);
  return "0";
}

/** What so many grams cost at this price of a kilogram, half up. */
export function priceOfWeight(perKilogram: number, grams: number): number {
  return Number((2n * BigInt(perKilogram) * BigInt(grams) + 1000n) / 2000n);
}

/** How much was weighed, by what it costs. */
export function weightOfPrice(perKilogram: number, amount: number): number | null {
  return perKilogram > 0 ? Math.round((amount * 1000) / perKilogram) : null;
}
