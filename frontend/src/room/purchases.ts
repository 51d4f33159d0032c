// What this visitor bought or waits for in this room.  Kept for the tab, so that a reload forgets nothing.

import type { Answer } from "./socket.ts";

export interface Problem { readonly code: string; readonly text: string }

export interface Purchase {
  readonly id: string;
  readonly title: string;
  readonly url: string;
  readonly expires_at: string | null;
  readonly ready_on: string | null;
  readonly later: boolean;
}

/** The latest day that any part of a hold is ready; null when all is on the shelf. */
export function readyOn(answer: Answer): string | null {
  const days = (answer.hold?.parts ?? []).flatMap((part) => (part.ready_on ? [part.ready_on] : []));
  return days.sort().at(-1) ?? null;
}

/** A granted purchase; `shown` is the day the buyer had before the eyes, null for "now". */
export function purchaseOf(answer: Answer, title: string, shown: string | null, fallbackUrl: string): Purchase {
  const ready = readyOn(answer);
  return {
    id: answer.id,
    title,
    url: answer.url ?? fallbackUrl,
    expires_at: answer.hold?.expires_at ?? null,
    ready_on: ready,
    later: ready !== null && (shown === null || ready > shown),
  };
}

/** Purchases that can still be completed. */
export function open(purchases: readonly Purchase[], secondsUntil: (moment: string) => number): readonly Purchase[] {
  return purchases.filter((one) => one.expires_at === null || secondsUntil(one.expires_at) > 0);
}

export function load(show: number): readonly Purchase[] {
  try {
    return JSON.parse(sessionStorage.getItem(`purchases.${show}`) ?? "[]") as readonly Purchase[];
  } catch {
    return [];
  }
}

export function save(show: number, purchases: readonly Purchase[]): void {
  try {
    sessionStorage.setItem(`purchases.${show}`, JSON.stringify(purchases));
  } catch {
    // A browser that keeps nothing still buys; only a reload forgets the timer.
  }
}
