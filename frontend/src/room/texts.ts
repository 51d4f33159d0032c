// How the room speaks of prices, stock and dates.

import { day, money } from "../common/format.ts";
import type { Say } from "../common/words.ts";
import type { Availability, Line, Offer } from "./state.ts";
import { currencyOf, inLanguage, priceRange } from "./state.ts";

const FEW = 10;

/** What stands beside a price: "12 left", "Ready 3 Dec", "Sold out".  A number only where it matters. */
export function stockText(available: Availability, say: Say, language: string): string {
  if (available.is === "now")
    return available.left <= FEW ? say("only_left", { n: available.left }) : say("in_stock");
  if (available.is === "later") return say("ready_on", { date: day(available.ready_on, language) });
  return say("sold_out");
}

export function stockKind(available: Availability): "good" | "wait" | "bad" {
  return available.is === "now" ? "good" : available.is === "later" ? "wait" : "bad";
}

export function priceText(offer: Offer, say: Say, language: string): string {
  const [low, high] = priceRange(offer);
  const shown = money(low, currencyOf(offer), language);
  return low === high ? shown : say("from_price", { price: shown });
}

type OptionTexts = Readonly<Record<string, Readonly<Record<string, string>>>> | undefined;

/** The name or value of an option in the reader's language, where the merchant said so. */
export function optionWord(word: string, texts: OptionTexts, language: string): string {
  return inLanguage(texts, language)?.[word] ?? word;
}

/** "M · Indigo", or nothing for a thing of one kind. */
export function optionText(line: Pick<Line, "options">, texts: OptionTexts, language: string): string {
  return line.options
    .filter((option) => option !== "" && option !== "Default Title")
    .map((option) => optionWord(option, texts, language))
    .join(" · ");
}

export function pictureOf(offer: Offer, size: 160 | 480): string | null {
  if (!offer.picture) return null;
  return offer.picture.startsWith("/")
    ? offer.picture.replace(/\/\d+\.webp$/, `/${size}.webp`)
    : `/pictures/${offer.picture}/${size}.webp`;
}

/** The refusal in the reader's language, else as the server wrote it. */
export function refusalText(code: string | undefined, message: string | undefined, say: Say): string {
  const key = `refused.${code ?? ""}`;
  const known = say(key);
  return known === key ? (message ?? "") || say("refused.other") : known;
}

/** How long an offer keeps what is bought. */
export function minutesOf(offer: Offer): number {
  return Math.max(1, Math.round(offer.hold_seconds / 60));
}
