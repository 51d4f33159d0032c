// What a browser keeps of this visitor over a reload.

import { useState } from "preact/hooks";

// In a frame a browser may forbid so much as to name them.
type Shelf = "localStorage" | "sessionStorage";

export function read(shelf: Shelf, key: string): unknown {
  try {
    return JSON.parse(globalThis[shelf].getItem(key) ?? "null");
  } catch {
    return null;
  }
}

export function write(shelf: Shelf, key: string, value: unknown): void {
  try {
    globalThis[shelf].setItem(key, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing still buys and takes part; only a reload forgets.
  }
}

/** As `useState`; what was kept under this key before comes back. */
export function useKept<T>(key: string): [T | null, (value: T) => void] {
  const [value, set] = useState(() => read("localStorage", key) as T | null);
  return [
    value,
    (next) => {
      set(() => next);
      write("localStorage", key, next);
    },
  ];
}
