// When a card appears: with the picture, not before the host has said it.

import type { Featured } from "./state.ts";

export const LATEST = 5_000;

/** Whether a featured offer is due: the picture has reached its moment, or it has waited for five seconds.
 *
 * `playing` is the wall clock of the picture on the screen in ms, null while nothing plays. */
export function isDue(featured: Featured, heardAt: number, playing: number | null, now: number): boolean {
  return playing === null || playing >= featured.at || now - heardAt >= LATEST;
}
