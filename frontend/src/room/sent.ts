// A tap of a card, as a form that a script sends: what the server answers, or in words why it did not work.

import type { Say } from "../common/words.ts";
import { refusalText } from "./texts.ts";

export async function sent<T>(
  path: string,
  say: Say,
  fields: Readonly<Record<string, string>> = {},
): Promise<T | string> {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { accept: "application/json" },
      body: new URLSearchParams(fields),
    });
    const told = (await response.json()) as { readonly code?: string; readonly message?: string };
    return response.ok ? (told as T) : refusalText(told.code, told.message, say);
  } catch {
    return say("not_connected");
  }
}
