import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Collector, type Means, type Send, saysNo, sendTo } from "../src/common/collect.ts";
import { Shelf } from "./shelf.ts";

interface Sent {
  readonly id: string;
  readonly type: string;
  readonly sequence: number;
  readonly sessionid: string;
  readonly time: string;
  readonly sentat: string;
  readonly data: Record<string, unknown>;
}

// Each test says itself when something leaves.
mock.timers.enable({ apis: ["setTimeout"] });

/** A collector whose clock, ids and network are the test's. */
function stage(means: Means = {}, name = "") {
  const bodies: Sent[][] = [];
  const clock = { wall: Date.UTC(2026, 10, 22, 20), steady: 1_000 };
  const net = { taken: true as boolean | number, most: 64 * 1024, last: [] as boolean[] };
  let next = 0;
  const send: Send = async (body, last) => {
    const fits = !last || new TextEncoder().encode(body).length <= net.most;
    bodies.push(JSON.parse(body));
    net.last.push(last);
    return fits && net.taken;
  };
  const collector = new Collector(
    { shop_id: 1 },
    {
      send,
      newId: () => `${name}${next++}`,
      wall: () => clock.wall,
      steady: () => clock.steady,
      shelf: null,
      consent: true,
      ...means,
    },
  );
  return { collector, bodies, clock, net };
}

const sequences = (bodies: Sent[][]) => bodies.map((batch) => batch.map((one) => one.sequence));
const age = (one: Sent | undefined) => (Date.parse(one?.sentat ?? "") - Date.parse(one?.time ?? "")) / 1000;

test("what was not taken is sent again with the same ids, until it was", async () => {
  const { collector, bodies, net } = stage();
  net.taken = false;
  collector.note("view_item", { product_id: 4 });
  collector.note("add_to_cart");
  await collector.flush();
  net.taken = true;
  await collector.flush();
  await collector.flush();

  const expected = [
    ["1", 1, "view_item"],
    ["2", 2, "add_to_cart"],
  ];
  assert.deepEqual(
    bodies.map((batch) => batch.map((one) => [one.id, one.sequence, one.type])),
    [expected, expected],
  );
  assert.deepEqual(bodies[0]?.[0]?.data, { shop_id: 1, product_id: 4 });
  assert.equal(bodies[0]?.[0]?.sessionid, "0");
});

test("a page that closes sends all it has, in pieces that fit, and cuts what the browser does not take", async () => {
  const { collector, bodies, net } = stage();
  for (let n = 0; n < 8; n++) collector.note("view_item", { text: "衣".repeat(5_000) });
  net.most = 35_000;
  await collector.flush(true);

  assert.ok(net.last.every((last) => last));
  const taken = bodies.filter((batch) => new TextEncoder().encode(JSON.stringify(batch)).length <= net.most);
  assert.deepEqual(sequences(taken).flat().sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.ok(bodies.every((batch) => new TextEncoder().encode(JSON.stringify(batch)).length <= 60_000));
  await collector.flush();
  assert.equal(bodies.length, bodies.indexOf(taken.at(-1) as Sent[]) + 1);
});

test("of too many the oldest are lost, and the sequence says how many", async () => {
  const { collector, bodies } = stage();
  for (let n = 0; n < 1_010; n++) collector.note("page_view");
  for (let n = 0; n < 12; n++) await collector.flush();

  const numbers = sequences(bodies).flat();
  assert.deepEqual([numbers.length, numbers[0], numbers.at(-1)], [1_000, 11, 1_010]);
});

test("age is right when the clock goes back, and when the device slept", async () => {
  const { collector, bodies, clock, net } = stage();
  net.taken = false;
  collector.note("view_item");
  clock.wall += 20_000;
  clock.steady += 20_000;
  await collector.flush();
  clock.wall -= 3_600_000;
  clock.steady += 10_000;
  await collector.flush();
  clock.wall += 2 * 3_600_000;
  await collector.flush();

  assert.deepEqual(
    bodies.map((batch) => age(batch[0])),
    [20, 30, 3_620],
  );
  assert.deepEqual(new Set(bodies.flat().map((one) => one.id)).size, 1);
});

test("what could not leave waits on the device for the next page, 72 hours at most", async () => {
  const shelf = new Shelf();
  const first = stage({ shelf }, "a");
  first.net.taken = false;
  first.collector.note("view_item");
  first.collector.note("add_to_cart");
  await first.collector.flush(true);
  assert.deepEqual([...shelf.kept.keys()], ["events:a0"]);

  const second = stage({ shelf }, "b");
  second.clock.wall += 71 * 3_600_000;
  second.net.taken = false;
  await second.collector.flush();
  assert.equal(shelf.length, 1);
  second.net.taken = true;
  await second.collector.flush();
  assert.deepEqual(
    second.bodies[1]?.map((one) => [one.id, one.sessionid, one.sequence, age(one)]),
    [
      ["a1", "a0", 1, 71 * 3_600],
      ["a2", "a0", 2, 71 * 3_600],
    ],
  );
  assert.equal(shelf.length, 0);

  await first.collector.flush(true);
  const third = stage({ shelf }, "c");
  third.clock.wall += 72 * 3_600_000;
  await third.collector.flush();
  assert.deepEqual([third.bodies.length, shelf.length], [0, 0]);
});

test("the shelf is bounded, and none, a full one and a broken one stop nothing", async () => {
  const shelf = new Shelf();
  const one = stage({ shelf });
  one.net.taken = false;
  for (let n = 0; n < 100; n++) one.collector.note("view_item", { text: "x".repeat(5_000) });
  await one.collector.flush(true);
  const kept = JSON.parse(shelf.getItem("events:0") ?? "") as Sent[];
  assert.ok((shelf.getItem("events:0") ?? "").length <= 200_000);
  assert.equal(kept.at(-1)?.sequence, 100);

  shelf.isFull = true;
  await one.collector.flush(true);
  shelf.isFull = false;
  shelf.kept.clear();
  shelf.setItem("events:old", "{");
  const other = stage({ shelf }, "b");
  other.collector.note("page_view");
  await other.collector.flush();
  assert.deepEqual([sequences(other.bodies), shelf.length], [[[1]], 0]);
});

test("without consent nothing is noted, and who says no later leaves nothing behind", async () => {
  const shelf = new Shelf();
  const { collector, bodies, net } = stage({ shelf, consent: false });
  collector.note("view_item");
  await collector.flush(true);
  assert.deepEqual([bodies, shelf.length], [[], 0]);

  collector.consent(true);
  net.taken = false;
  collector.note("view_item");
  await collector.flush();
  assert.deepEqual([sequences(bodies), shelf.length], [[[1]], 1]);
  collector.consent(false);
  net.taken = true;
  collector.note("add_to_cart");
  await collector.flush(true);
  assert.deepEqual([bodies.length, shelf.length], [1, 0]);
});

test("a browser that says no is believed", () => {
  assert.deepEqual(
    [{}, { globalPrivacyControl: true }, { doNotTrack: "1" }, { doNotTrack: "unspecified" }].map((from) =>
      saysNo(from),
    ),
    [false, true, true, false],
  );
});

test("another site's events go without cookies, and what the answer says is done", async () => {
  const asked: RequestInit[] = [];
  const answers = [
    new Response("{}", { status: 200 }),
    new Response("{}", { status: 503, headers: { "retry-after": "7" } }),
    new Response("{}", { status: 429, headers: { "retry-after": "30" } }),
    new Response("", { status: 502 }),
    new Response("{}", { status: 400 }),
  ];
  const before = [globalThis.fetch, globalThis.location] as const;
  Object.assign(globalThis, {
    fetch: async (_: string, options: RequestInit) => {
      asked.push(options);
      return answers.shift();
    },
    location: new URL("https://blog.example/page"),
  });
  try {
    const send = sendTo("https://shop.example/e");
    const found = [];
    for (let n = 0; n < 5; n++) found.push(await send("[]", n === 1));
    assert.deepEqual(found, [true, 7, 30, false, true]);
  } finally {
    Object.assign(globalThis, { fetch: before[0], location: before[1] });
  }
  assert.deepEqual(
    asked.map((one) => [one.credentials, one.keepalive, one.headers]),
    [["omit", false, undefined], ["omit", true, undefined], ...Array(3).fill(["omit", false, undefined])],
  );
});
