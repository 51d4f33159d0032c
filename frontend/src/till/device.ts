// What the till asks of its browser beside the disk.

import type { Snapshot } from "./protocol.ts";
import type { Hint } from "./screens.ts";

export function newToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/** Beside the database: a browser that clears one may leave the other. */
export function keepHint(slug: string, told: Hint): void {
  try {
    localStorage.setItem(`till-${slug}`, JSON.stringify(told));
  } catch {
    // A browser without it says less when its storage is cleared.
  }
}

export function readHint(slug: string): Hint | null {
  try {
    return JSON.parse(localStorage.getItem(`till-${slug}`) ?? "null");
  } catch {
    return null;
  }
}

/** The worker keeps the pictures of the first screens, so that they are there without a network. */
export function keepPictures(snapshot: Snapshot): void {
  const pictures = snapshot.products.flatMap((each) => each.picture ?? []).slice(0, 500);
  void navigator.serviceWorker?.ready.then((known) => known.active?.postMessage({ pictures }));
}
