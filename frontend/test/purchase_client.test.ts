import assert from "node:assert/strict";
import { test } from "node:test";
import { isFinal, PurchaseClient, post, type Wish } from "../src/room/buy.ts";
import { asNow, ownOf, type Purchase, purchaseOf, standing, sumOf } from "../src/room/purchases.ts";
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
const refused = (code: string): Answer => ({
  t: "answer",
  id: "u1",
  outcome: "refused",
  code,
  message: code,
});

test("what is refused for the moment is asked again at once through the other door, with the same id", async () => {
  for (const code of [
    "intake.full",
    "intake.unknown",
    "intake.closed",
    "database.away",
    "orders.too_fast",
    "room.too_fast",
  ]) {
    const posted: string[] = [];
    const client = new PurchaseClient(
      () => {
        queueMicrotask(() => client.answered(refused(code)));
        return true;
      },
      async (one) => {
        posted.push(one.id);
        return held;
      },
      60,
    );
    assert.deepEqual(await client.buy(wish), held);
    assert.deepEqual(posted, ["u1"]);
  }
});

test("what stays refused for the moment is no answer to the wish", async () => {
  let posts = 0;
  const client = new PurchaseClient(
    () => false,
    async () => {
      posts += 1;
      return refused("intake.full");
    },
    2,
  );
  const outcome = await client.buy(wish);
  assert.deepEqual(outcome, refused("intake.full"));
  assert.equal(isFinal(outcome), false);
  assert.equal(posts, 3);
});

test("a refusal of the wish is final at once", async () => {
  let posts = 0;
  const client = new PurchaseClient(
    () => {
      queueMicrotask(() => client.answered(refused("stock.sold_out")));
      return true;
    },
    async () => {
      posts += 1;
      return held;
    },
    20,
  );
  const outcome = await client.buy(wish);
  assert.equal(isFinal(outcome), true);
  assert.equal(posts, 0);
});

test("an answer that comes when nobody waits says so, so that the page can take it still", async () => {
  const client = new PurchaseClient(
    () => true,
    async () => null,
    1,
  );
  assert.deepEqual(await client.buy(wish), { t: "unknown", id: "u1" });
  assert.equal(client.answered(held), false);
});

test("a busy shop answers in JSON, a proxy that reaches nobody does not", async () => {
  const fetched = globalThis.fetch;
  try {
    globalThis.fetch = async () =>
      new Response(JSON.stringify({ code: "intake.full", message: "Full." }), {
        status: 503,
        headers: { "content-type": "application/json" },
      });
    assert.deepEqual(await post(7, wish), {
      t: "answer",
      id: "u1",
      outcome: "refused",
      code: "intake.full",
      message: "Full.",
      facts: {},
    });
    globalThis.fetch = async () =>
      new Response("<html>", { status: 502, headers: { "content-type": "text/html" } });
    assert.equal(await post(7, wish), null);
  } finally {
    globalThis.fetch = fetched;
  }
});

test("whoever keeps units of a line is led to them, until their time is over", () => {
  const hold = { id: "h", expires_at: "2026-12-01T00:05:00Z", parts: [] };
  const mine: readonly Purchase[] = [
    purchaseOf({ ...held, hold }, 9, "Shirt", null, "/x"),
    purchaseOf(held, 8, "Bowl", null, "/x"),
  ];
  assert.equal(ownOf(mine, 9, () => 10)?.url, "/s/x/checkout/u1");
  assert.equal(
    ownOf(mine, 9, () => 0),
    undefined,
  );
  assert.equal(
    ownOf(mine, 8, () => 10),
    undefined,
  );
  assert.equal(
    ownOf(mine, 7, () => 10),
    undefined,
  );
});

test("purchases are summed up where each says what it comes to, in one currency", () => {
  const shirt: Purchase = {
    ...purchaseOf(held, 9, "Shirt", null, "/x"),
    minor: 12_900,
    currency: "CNY",
  };
  const bowl: Purchase = { ...purchaseOf(held, 8, "Bowl", null, "/x"), minor: 1_050, currency: "CNY" };
  assert.deepEqual(sumOf([shirt, bowl]), { minor: 13_950, currency: "CNY" });
  assert.equal(sumOf([]), null);
  assert.equal(sumOf([shirt, { ...bowl, currency: "EUR" }]), null);
  assert.equal(sumOf([shirt, purchaseOf(held, 7, "Cup", null, "/x")]), null);
});

// Pay at the end.

const LATER = "2026-12-01T22:00:00+00:00";
const kept = {
  id: "k",
  line: 1,
  title: "Coat",
  url: "/",
  expires_at: "2026-12-01T22:00:00Z",
  ready_on: null,
  later: false,
};

test("what is kept for the end has no clock while the show goes on, and its own when it is over", () => {
  const over = "2026-12-01T12:30:00+00:00";
  assert.equal(asNow(kept, { until: LATER, live: true }).at_end, true);
  assert.equal(asNow({ ...kept, expires_at: LATER }, { until: over, live: false }).expires_at, over);
  assert.equal(
    asNow({ ...kept, expires_at: "2026-12-01T12:05:00Z" }, { until: LATER, live: true }).at_end,
    undefined,
  );
  assert.equal(asNow(kept, null), kept);
});

test("the card says what a tap leads to", () => {
  assert.equal(standing(false, 0, 1, 10), "unknown");
  assert.equal(standing(true, 9, 1, 10), "may");
  assert.equal(standing(true, 9, 2, 10), "full");
});
