// What an overlay shows, by its address, and how it changes with what the room says.  Pure.

import type { Message } from "../room/socket.ts";
import { type ChatLine, chatAfter, merged, type RoomState } from "../room/state.ts";

export type Part = "card" | "auction" | "coupon" | "giveaway" | "poll" | "pinned" | "chat" | "code";
const ALL: readonly Part[] = ["card", "auction", "coupon", "giveaway", "poll", "pinned", "chat", "code"];

/** `?parts=card,code`; all of them where none is named that there is. */
export function chosenParts(query: URLSearchParams): ReadonlySet<Part> {
  const named = new Set((query.get("parts") ?? "").split(","));
  const known = ALL.filter((part) => named.has(part));
  return new Set(known.length > 0 ? known : ALL);
}

export interface Seen {
  readonly state: RoomState;
  readonly chat: readonly ChatLine[];
}

export function after(seen: Seen, message: Message): Seen {
  if (message.t === "snapshot") return { state: message.state, chat: message.chat };
  if (message.t !== "tick") return seen;
  return {
    state: message.patch === undefined ? seen.state : (merged(seen.state, message.patch) as RoomState),
    chat: chatAfter(seen.chat, message.chat, message.hidden, message.answered),
  };
}
