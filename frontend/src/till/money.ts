// Amounts as a till writes them: always with all decimals, so that they stand under each other, and with the short sign
// of its one currency.

import { decimals } from "../common/format.ts";

export function money(minor: number, currency: string, language: string): string {
  const digits = decimals(currency);
  return new Intl.NumberFormat(language, {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(minor / 10 ** digits);
}
