import assert from "node:assert/strict";
import { test } from "node:test";
import { after, chosenParts, type Seen } from "../src/overlay/parts.ts";
import type { ChatLine, RoomState } from "../src/room/state.ts";

const parts = (query: string) => [...chosenParts(new URLSearchParams(query))];
const line = (id: string): ChatLine => ({ id, name: "Mei", text: id, role: "viewer", at: 0 });
const state = { viewers: 3, featured: null } as unknown as RoomState;

test("an address chooses what an overlay shows", () => {
  assert.deepEqual(parts(""), ["card", "auction", "coupon", "giveaway", "poll", "pinned", "chat", "code"]);
  assert.deepEqual(parts("parts=code,card"), ["card", "code"]);
  assert.deepEqual(parts("parts=chat,nothing"), ["chat"]);
  assert.deepEqual(parts("parts=nothing"), [
    "card",
    "auction",
    "coupon",
    "giveaway",
    "poll",
    "pinned",
    "chat",
    "code",
  ]);
});

test("an overlay follows the room", () => {
  const first: Seen = { state, chat: [line("a")] };
  const ticked = after(first, {
    t: "tick",
    seq: 2,
    now: 1,
    patch: { featured: { offer_id: 7, at: 5 } },
    chat: [line("b")],
    hidden: ["a"],
  });
  assert.deepEqual(ticked.state.featured, { offer_id: 7, at: 5 });
  assert.equal(ticked.state.viewers, 3);
  assert.deepEqual(
    ticked.chat.map((each) => each.id),
    ["b"],
  );
  assert.equal(after(ticked, { t: "bye", retry_after_ms: 1 }), ticked);
  const anew = after(ticked, { t: "snapshot", epoch: "e", seq: 1, now: 1, state, chat: [] });
  assert.deepEqual(anew, { state, chat: [] });
});
