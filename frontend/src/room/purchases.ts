// What this visitor bought or waits for in this room.  Kept in the browser, as the cookie is that names the buyer: a page
// that was closed, or a second one, still leads to the checkout.

import type { Wish } from "./buy.ts";
import { read, write } from "./kept.ts";
import type { Answer } from "./socket.ts";

/** `url`: a way on. */
export interface Problem {
  readonly code: string;
  readonly text: string;
  readonly url?: string;
}

export interface Purchase {
  readonly id: string;
  readonly line: number;
  readonly title: string;
  readonly url: string;
  readonly expires_at: string | null;
  readonly ready_on: string | null;
  readonly later: boolean;
  /** Units, and what they come to in the reader's language. */
  readonly quantity?: number;
  readonly total?: string;
  /** The same as a number, so that what is bought in one show can be summed up. */
  readonly minor?: number;
  readonly currency?: string;
  /** Kept until the show is over: as it is now, never stored. */
  readonly at_end?: boolean;
  /** Why nothing is reserved, where the offer reserves. */
  readonly note?: string;
}

/** The latest day that any part of a hold is ready; null when all is on the shelf. */
export function readyOn(answer: Answer): string | null {
  const days = (answer.hold?.parts ?? []).flatMap((part) => (part.ready_on ? [part.ready_on] : []));
  return days.sort().at(-1) ?? null;
}

/** A granted purchase; `shown` is the day the buyer had before the eyes, null for "now". */
export function purchaseOf(
  answer: Answer,
  line: number,
  title: string,
  shown: string | null,
  fallbackUrl: string,
): Purchase {
  const ready = readyOn(answer);
  return {
    id: answer.id,
    line,
    title,
    url: answer.url ?? fallbackUrl,
    expires_at: answer.hold?.expires_at ?? null,
    ready_on: ready,
    later: ready !== null && (shown === null || ready > shown),
  };
}

/** What is paid at the end, as the room says: until when it is kept, and whether that is known yet. */
export interface PayAtEnd {
  readonly until: string;
  readonly live: boolean;
}

/** A purchase with the time it has now: what was kept for the end is due some minutes after it, once that has come. */
export function asNow(one: Purchase, pay: PayAtEnd | null): Purchase {
  if (pay === null || one.expires_at === null || Date.parse(one.expires_at) < Date.parse(pay.until))
    return one;
  return pay.live ? { ...one, at_end: true } : { ...one, expires_at: pay.until };
}

/** What a tap on "buy" leads to where the show is paid at the end. */
export type Standing = "may" | "full" | "unknown";

/** That, with what is said of it. */
export type Paying = { readonly is: Standing } & Readonly<Record<"n" | "most" | "minutes", number>>;

export function standing(known: boolean, unpaid: number, wanted: number, most: number): Standing {
  if (!known) return "unknown";
  return unpaid + wanted <= most ? "may" : "full";
}

/** Purchases that can still be completed. */
export function open(
  purchases: readonly Purchase[],
  secondsUntil: (moment: string) => number,
): readonly Purchase[] {
  return purchases.filter((one) => one.expires_at === null || secondsUntil(one.expires_at) > 0);
}

/** What several purchases come to, in minor units; null where one of them does not say, or in another currency. */
export function sumOf(
  purchases: readonly Purchase[],
): { readonly minor: number; readonly currency: string } | null {
  const currency = purchases[0]?.currency;
  if (currency === undefined) return null;
  let minor = 0;
  for (const one of purchases) {
    if (one.minor === undefined || one.currency !== currency) return null;
    minor += one.minor;
  }
  return { minor, currency };
}

/** The purchase that keeps units of this line for this buyer already: nobody is sold out against themselves. */
export function ownOf(
  purchases: readonly Purchase[],
  line: number,
  secondsUntil: (moment: string) => number,
): Purchase | undefined {
  return open(purchases, secondsUntil).find((one) => one.line === line && one.expires_at !== null);
}

/** A tap whose answer this page has not heard: asked again with its id, also after a reload. */
export interface Attempt {
  readonly key: string;
  readonly wish: Wish;
  /** The day that was before the buyer's eyes, null for "now". */
  readonly shown: string | null;
  readonly at: number;
}

const KEPT_FOR = 24 * 3_600_000;

export function load(show: number): readonly Purchase[] {
  const kept = read("localStorage", `purchases.${show}`) as {
    readonly at: number;
    readonly purchases: readonly Purchase[];
  } | null;
  return kept !== null && Date.now() - kept.at < KEPT_FOR ? kept.purchases : [];
}

export function save(show: number, purchases: readonly Purchase[]): void {
  write("localStorage", `purchases.${show}`, { at: Date.now(), purchases });
}

/** The attempt of this tab, when it is not too old to be meant still. */
export function loadAttempt(show: number): Attempt | undefined {
  const kept = read("sessionStorage", `attempt.${show}`) as Attempt | null;
  return kept !== null && Date.now() - kept.at < 60_000 ? kept : undefined;
}

export function saveAttempt(show: number, attempt: Attempt | undefined): void {
  write("sessionStorage", `attempt.${show}`, attempt ?? null);
}
