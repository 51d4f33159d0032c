import assert from "node:assert/strict";
import { test } from "node:test";
import { PurchaseClient, type Wish } from "../src/room/buy.ts";
import { open, purchaseOf, readyOn } from "../src/room/purchases.ts";
import type { Answer } from "../src/room/socket.ts";

const wish: Wish = {
  id: "u1",
  offer_id: 3,
  variant_id: 9,
  quantity: 1,
  price_minor: 100,
  latest_ready: "2026-11-22",
};
const held: Answer = { t: "answer", id: "u1", outcome: "held", url: "/s/x/checkout/u1" };

test("the stream answers: nothing is posted", async () => {
  let posts = 0;
  const client = new PurchaseClient(
    () => {
      queueMicrotask(() => client.answered(held));
      return true;
    },
    async () => {
      posts += 1;
      return null;
    },
    20,
  );
  assert.deepEqual(await client.buy(wish), held);
  assert.equal(posts, 0);
});

test("no answer on the stream: the same wish goes through the other door, with the same id", async () => {
  const posted: Wish[] = [];
  const client = new PurchaseClient(
    () => true,
    async (one) => {
      posted.push(one);
      return held;
    },
    5,
  );
  assert.deepEqual(await client.buy(wish), held);
  assert.deepEqual(posted, [wish]);
});

test("no stream at all: posted at once", async () => {
  const client = new PurchaseClient(
    () => false,
    async () => held,
    60_000,
  );
  assert.deepEqual(await client.buy(wish), held);
});

test("a late answer of the stream is taken while the other door is asked", async () => {
  const client = new PurchaseClient(
    () => true,
    () => {
      client.answered(held);
      return new Promise(() => {});
    },
    5,
  );
  assert.deepEqual(await client.buy(wish), held);
});

test("no door answers: unknown, after three tries", async () => {
  let posts = 0;
  const client = new PurchaseClient(
    () => true,
    async () => {
      posts += 1;
      throw new Error("offline");
    },
    2,
  );
  assert.deepEqual(await client.buy(wish), { t: "unknown", id: "u1" });
  assert.equal(posts, 3);
});

test("an answer to another wish is not mine", async () => {
  const client = new PurchaseClient(
    () => {
      queueMicrotask(() => client.answered({ ...held, id: "other" }));
      return true;
    },
    async () => held,
    5,
  );
  assert.equal((await client.buy(wish)).id, "u1");
});

const parts = (...days: (string | null)[]): Answer => ({
  ...held,
  hold: {
    id: "u1",
    expires_at: "2026-12-01T00:05:00Z",
    parts: days.map((ready_on) => ({ variant_id: 9, quantity: 1, ready_on })),
  },
});

test("a purchase says when all of it is ready, and whether that is later than what was seen", () => {
  assert.equal(readyOn(parts(null, "2026-12-09", "2026-12-03")), "2026-12-09");
  assert.equal(purchaseOf(parts(null), 9, "Shirt", null, "/x").later, false);
  assert.equal(purchaseOf(parts("2026-12-03"), 9, "Shirt", null, "/x").later, true);
  assert.equal(purchaseOf(parts("2026-12-03"), 9, "Shirt", "2026-12-03", "/x").later, false);
  assert.equal(purchaseOf(parts("2026-12-04"), 9, "Shirt", "2026-12-03", "/x").later, true);
});

test("what has run out is no longer offered for checkout; what has no timer stays", () => {
  const timed = purchaseOf(parts(null), 9, "Shirt", null, "/x");
  const untimed = purchaseOf(held, 9, "Bowl", null, "/x");
  assert.deepEqual(
    open([timed, untimed], () => 0),
    [untimed],
  );
  assert.deepEqual(
    open([timed, untimed], () => 1),
    [timed, untimed],
  );
});
