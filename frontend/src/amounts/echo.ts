// Under a field for money or a quantity: what is understood while one types, or what the server would ask.

import { type Read, readMinor, readQuantity } from "../common/amounts.ts";
import { decimals } from "../common/format.ts";

// Numbers that are neither units nor money: days, minutes, grams, places in an order, shares.
const BARE = /days|hours|minutes|grams|position|deposit|percent|capacity_use/;

/** `told` carries the shop's currency and language, and the words of the hints. */
export function echo(told: HTMLElement, language: string): void {
  const currency = told.dataset["currency"] ?? "EUR";
  const locale = (told.dataset["locale"] ?? "en").replace("_", "-");
  const sign =
    new Intl.NumberFormat(locale).formatToParts(1.5).find((part) => part.type === "decimal")?.value === ","
      ? ","
      : ".";
  const digits = decimals(currency);
  const money = new Intl.NumberFormat(language, {
    style: "currency",
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  const plain = new Intl.NumberFormat(language);
  const units = (value: number): string =>
    (told.dataset[value === 1 ? "unit" : "units"] ?? "").replace("%(num)s", plain.format(value));

  const words = (read: Read, say: (value: number) => string): string => {
    if ("refused" in read) return "";
    if ("value" in read) return say(read.value);
    return (told.dataset["either"] ?? "")
      .replace("%(smaller)s", read.smaller)
      .replace("%(larger)s", read.larger);
  };

  const look = (input: unknown): void => {
    if (!(input instanceof HTMLInputElement) || input.autocomplete === "one-time-code") return;
    if (input.inputMode === "decimal" && !BARE.test(input.name))
      put(
        input,
        words(readMinor(input.value, currency, sign), (value) => money.format(value / 10 ** digits)),
      );
    else if (input.inputMode === "numeric")
      put(
        input,
        words(
          readQuantity(input.value, -1_000_000, sign),
          BARE.test(input.name) ? (value) => plain.format(value) : units,
        ),
      );
  };
  document.addEventListener("input", (event) => look(event.target));
  // Typed before this script was there.
  const first = document.activeElement;
  if (first instanceof HTMLInputElement && first.value !== first.defaultValue) look(first);
}

function put(input: HTMLInputElement, text: string): void {
  const before = input.nextElementSibling;
  const known = before instanceof HTMLElement && before.dataset["echo"] !== undefined;
  if (!known && text === "") return;
  const hint = known ? before : document.createElement("output");
  if (!known) {
    hint.className = "hint num echo";
    hint.setAttribute("data-echo", "");
    hint.setAttribute("aria-live", "polite");
    input.after(hint);
  }
  if (hint.textContent !== text) hint.textContent = text;
}
