// What everybody in the room sees, and how ticks change it.  Pure.

import type {
  AuctionState,
  BundlePart,
  CouponState,
  FeaturedState,
  GiveawayState,
  LineState,
  NoticeState,
  OfferState,
  PollState,
  RoomState,
} from "./state.gen.ts";

export type { AuctionState, CouponState, GiveawayState, PollState, RoomState };
export type Part = BundlePart;
export type Line = LineState;
export type Offer = OfferState;
export type Notice = NoticeState;
export type Featured = FeaturedState;

export interface ChatLine {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  readonly role: "viewer" | "host" | "moderator" | "buyer" | "system";
  readonly at: number;
  /** When the question in it was answered, on the clock of the video. */
  readonly answered?: number | null;
}

/** RFC 7386: `target` after `patch`.  Null takes a member out; what the patch does not touch is shared, not copied. */
export function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const SHOWN = 80;

/** The chat after new lines came, others were taken out and some answered; the same line twice is one line. */
export function chatAfter(
  lines: readonly ChatLine[],
  fresh: readonly ChatLine[] = [],
  hidden: readonly string[] = [],
  answered: Readonly<Record<string, number | null>> = {},
): readonly ChatLine[] {
  const isMarked = Object.keys(answered).length > 0;
  if (fresh.length === 0 && hidden.length === 0 && !isMarked) return lines;
  const gone = new Set(hidden);
  const known = new Set(lines.map((line) => line.id));
  const marked = isMarked
    ? lines.map((line) => (line.id in answered ? { ...line, answered: answered[line.id] ?? null } : line))
    : lines;
  const all = [...marked, ...fresh.filter((line) => !known.has(line.id))];
  return all.filter((line) => !gone.has(line.id)).slice(-SHOWN);
}

/** The entry of a merchant's `{locale: …}` in the reader's language. */
export function inLanguage<T>(
  texts: Readonly<Record<string, T>> | undefined,
  language: string,
): T | undefined {
  if (texts === undefined) return undefined;
  const short = language.split("-")[0] ?? language;
  const key =
    Object.keys(texts).find((one) => one.replace("_", "-") === language) ??
    Object.keys(texts)
      .sort()
      .find((one) => one.split(/[-_]/)[0] === short);
  return key === undefined ? undefined : texts[key];
}

/** The merchant's text in the reader's language. */
export function inWords(
  text: string,
  texts: Readonly<Record<string, string>> | undefined,
  language: string,
): string {
  return inLanguage(texts, language) ?? text;
}

export function offersInOrder(state: RoomState): readonly Offer[] {
  return state.order.map((id) => state.offers[String(id)]).filter((offer) => offer !== undefined);
}

export function linesOf(offer: Offer): readonly Line[] {
  return Object.values(offer.lines).sort((one, other) => one.id - other.id);
}

/** What one counts towards a limit per buyer: a bundle counts its pieces. */
export function piecesOf(line: Line): number {
  return (line.parts ?? []).reduce((sum, part) => sum + part.quantity, 0) || 1;
}

/** now: from the shelf; later: sold against supply, with a date; gone: nothing to sell, one can wait. */
export type Availability =
  | { readonly is: "now"; readonly left: number }
  | { readonly is: "later"; readonly left: number; readonly ready_on: string }
  | { readonly is: "gone"; readonly waiting: number };

export function availability(line: Line): Availability {
  if (line.left > 0) return { is: "now", left: line.left };
  const lot = (line.later ?? []).find(([, left]) => left > 0);
  if (lot !== undefined) return { is: "later", left: lot[1], ready_on: lot[0] };
  return { is: "gone", waiting: line.waiting ?? 0 };
}

/** The best that an offer has: now before later before gone; the earliest date among later ones. */
export function availabilityOf(offer: Offer): Availability {
  const all = linesOf(offer).map(availability);
  const now = all.filter((one) => one.is === "now");
  if (now.length > 0) return { is: "now", left: now.reduce((sum, one) => sum + one.left, 0) };
  const later = all
    .filter((one) => one.is === "later")
    .sort((one, other) => one.ready_on.localeCompare(other.ready_on));
  return (
    later[0] ?? {
      is: "gone",
      waiting: all.reduce((sum, one) => sum + (one.is === "gone" ? one.waiting : 0), 0),
    }
  );
}

/** Lowest and highest price of an offer. */
export function priceRange(offer: Offer): readonly [number, number] {
  const prices = linesOf(offer).map((line) => line.price_minor);
  return [Math.min(...prices), Math.max(...prices)];
}

export function currencyOf(offer: Offer): string {
  return linesOf(offer)[0]?.currency ?? "CNY";
}

/** Units of a flash that are left: those on hand of its lines. */
export function flashLeft(offer: Offer): number {
  return linesOf(offer).reduce((sum, line) => sum + line.left, 0);
}

/** What may be struck through beside the price of a flash, where that is one amount for all lines. */
export function struckOf(offer: Offer): number | null {
  const struck = offer.flash?.struck ?? {};
  const amounts = new Set(linesOf(offer).map((line) => struck[String(line.id)] ?? null));
  return amounts.size === 1 ? ([...amounts][0] ?? null) : null;
}

/** The line with exactly these options. */
export function lineWith(offer: Offer, options: readonly (string | null)[]): Line | undefined {
  return linesOf(offer).find((line) => line.options.every((option, i) => option === options[i]));
}

/** The values of option `index`, in the order of the lines. */
export function valuesOf(offer: Offer, index: number): readonly string[] {
  return [...new Set(linesOf(offer).map((line) => line.options[index] ?? ""))];
}

/** What needs no choosing: the options that have one value only. */
export function onlyChoices(offer: Offer): readonly (string | undefined)[] {
  return offer.option_names.map((_, index) => {
    const values = valuesOf(offer, index);
    return values.length === 1 ? values[0] : undefined;
  });
}

const SIZES = new Set([
  "size",
  "größe",
  "grösse",
  "taille",
  "talla",
  "taglia",
  "尺码",
  "尺寸",
  "尺碼",
  "大小",
  "码数",
]);
const COLOURS = new Set(["color", "colour", "farbe", "couleur", "colore", "颜色", "顏色", "色", "花色"]);

/** Whether an option is a size or a colour, by the name the merchant gave it; as `web.parts.option_kind`. */
export function optionKind(name: string): "size" | "colour" | "other" {
  const word = name.trim().toLowerCase();
  return SIZES.has(word) ? "size" : COLOURS.has(word) ? "colour" : "other";
}
