import assert from "node:assert/strict";
import { test } from "node:test";
import { exitOf, heightFor, isGreeted } from "../src/room/embed.ts";

const SITES = ["https://www.potter.example", "http://localhost:3000"];
const parent = {};
const hello = { shopfloor: 1, type: "hello" };

test("the frame hears its parent, from a site that was named, in its own version", () => {
  const from = (origin: string, source: unknown, data: unknown) =>
    isGreeted({ origin, source, data }, parent, SITES);

  assert.equal(from("https://www.potter.example", parent, hello), true);
  assert.equal(from("http://localhost:3000", parent, { ...hello, type: "cart.added" }), true);
  // Another window of a named site, another site, another port, another scheme, a sandboxed frame.
  assert.equal(from("https://www.potter.example", {}, hello), false);
  assert.equal(from("https://www.potter.example.evil.example", parent, hello), false);
  assert.equal(from("http://localhost:3001", parent, hello), false);
  assert.equal(from("http://www.potter.example", parent, hello), false);
  assert.equal(from("null", parent, hello), false);
  assert.equal(from("https://www.potter.example", parent, { ...hello, shopfloor: 2 }), false);
  for (const data of [null, "hello", 1, {}, { shopfloor: 1 }, { shopfloor: 1, type: 7 }])
    assert.equal(from("https://www.potter.example", parent, data), false);
});

test("what is to be paid leaves with its purchase, other pages by themselves, the next show stays", () => {
  const hold = "0192aa00-0000-7000-8000-00000000beef";

  assert.deepEqual(exitOf(`/s/corner/checkout/${hold}`, "corner"), {
    is: "own",
    field: "hold",
    value: hold,
  });
  assert.deepEqual(exitOf("/s/corner/cart", "corner"), { is: "own", field: null, value: "" });
  assert.deepEqual(exitOf("/s/corner/giveaways/12", "corner"), {
    is: "own",
    field: "giveaway",
    value: "12",
  });
  assert.deepEqual(exitOf("/s/corner/giveaways/12/draw.json", "corner"), { is: "page" });
  assert.deepEqual(exitOf("/s/corner/live/8/embed", "corner"), { is: "stay" });
  assert.deepEqual(exitOf("/s/corner/live/8", "corner"), { is: "page" });
  assert.deepEqual(exitOf(`/s/other/checkout/${hold}`, "corner"), { is: "page" });
  assert.deepEqual(exitOf("/s/corner", "corner"), { is: "page" });
});

test("the frame asks for the height of its picture, within bounds", () => {
  assert.equal(heightFor(390, true), 693);
  assert.equal(heightFor(390, false), 639);
  assert.equal(heightFor(1_200, false), 624);
  assert.equal(heightFor(800, true), 820);
  assert.equal(heightFor(200, true), 480);
});
