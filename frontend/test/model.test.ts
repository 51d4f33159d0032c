import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import type { Collector } from "../src/common/collect.ts";
import { speaker } from "../src/common/words.ts";
import { type RoomData, RoomModel } from "../src/room/model.ts";
import { availability, type ChatLine, type Line, type Offer, type RoomState } from "../src/room/state.ts";
import { browser, type FakeSocket, FakeVideo, NOW, settled } from "./browser.ts";

afterEach(() => mock.timers.reset());

const line = (id: number, left = 5, more: Partial<Line> = {}): Line => ({
  id,
  sku: `S${id}`,
  options: [],
  price_minor: 1_000 + id,
  currency: "EUR",
  left,
  later: [],
  waiting: 0,
  ...more,
});
const offer = (id: number, ...lines: Line[]): Offer => ({
  id,
  product_id: id + 100,
  title: `Offer ${id}`,
  titles: {},
  kind: "goods",
  option_names: [],
  policy: "timer",
  hold_seconds: 300,
  lines: Object.fromEntries(lines.map((each) => [String(each.id), each])),
});
const said = (id: string, text = "hello"): ChatLine => ({ id, name: "Ann", text, role: "viewer", at: 0 });

const opening: RoomState = {
  show: { id: 7, shop: "corner", title: "Evening", titles: {}, status: "live" },
  featured: { offer_id: 3, at: 1 },
  order: [3, 4],
  offers: { "3": offer(3, line(30), line(31)), "4": offer(4, line(40)) },
  viewers: 2,
  likes: 0,
  orders: 0,
};

const snapshot = (seq: number, state: RoomState = opening, chat: readonly ChatLine[] = [], epoch = "ab") => ({
  t: "snapshot",
  epoch,
  seq,
  now: Date.now(),
  state,
  chat,
});
const tick = (seq: number, patch?: object, more: object = {}) => ({
  t: "tick",
  seq,
  now: Date.now(),
  ...(patch === undefined ? {} : { patch }),
  ...more,
});

/** A page that was made now. */
function page(more: Partial<RoomData> = {}) {
  const noted: string[] = [];
  const data: RoomData = {
    state: opening,
    chat: [],
    now: Date.now(),
    shop: { id: 1, slug: "corner", name: "Corner" },
    seller: [],
    starts: null,
    next: null,
    replay: null,
    poster: null,
    waits: false,
    ...more,
  };
  const collector = { note: (type: string) => noted.push(type) } as unknown as Collector;
  const model = new RoomModel(data, speaker({}), "en", collector);
  const video = new FakeVideo();
  const attach = () => model.attach(video as unknown as HTMLVideoElement);
  return { model, video, noted, attach };
}

/** A page that is in the room, after the snapshot of tick 7. */
function inside(around: ReturnType<typeof browser>, more: Partial<RoomData> = {}) {
  const made = page(more);
  made.attach();
  const socket = around.socket();
  socket.onopen?.();
  socket.say(snapshot(7, more.state, more.chat));
  return { ...made, socket };
}

function offerOf(model: RoomModel, id: number): Offer {
  const found = model.view.state.offers[String(id)];
  assert.ok(found, `offer ${id} is not in the room`);
  return found;
}

function lineOf(model: RoomModel, offerId: number, id: number): Line {
  const found = offerOf(model, offerId).lines[String(id)];
  assert.ok(found, `line ${id} is not in offer ${offerId}`);
  return found;
}

const purchaseOn = (socket: FakeSocket) => socket.sent.filter((message) => message["t"] === "buy");
const held = (id: unknown, seconds = 300) => ({
  t: "answer",
  id,
  outcome: "held",
  url: `/s/corner/checkout/${id}`,
  hold: {
    id,
    expires_at: new Date(Date.now() + seconds * 1_000).toISOString(),
    parts: [{ variant_id: 30, quantity: 1 }],
  },
});

test("the page shows what the server left in it, says hello, and then what the snapshot says", () => {
  const around = browser();
  const { model, attach, noted } = page({ chat: [said("1")] });
  assert.deepEqual([model.view.state, model.view.chat, model.view.featured], [opening, [said("1")], 3]);
  attach();
  assert.equal(around.socket().url, "wss://shop.example/room/7/socket");
  assert.equal(model.view.connection, "connecting");
  around.socket().onopen?.();
  assert.deepEqual(around.socket().sent, [{ t: "hello" }]);
  const state = { ...opening, viewers: 9, featured: { offer_id: 4, at: 5 } };
  around.socket().say(snapshot(7, state, [said("1"), said("2")]));
  assert.equal(model.view.connection, "open");
  assert.deepEqual(model.view.state, state);
  assert.deepEqual(model.view.chat, [said("1"), said("2")]);
  assert.equal(model.view.featured, 4);
  assert.deepEqual(noted, ["view_promotion", "view_promotion"]);
});

test("who watches the model is told of every change, and not after leaving", () => {
  const around = browser();
  const { model, socket } = inside(around);
  const viewers: number[] = [];
  const leave = model.watch((view) => viewers.push(view.state.viewers));
  socket.say(tick(8, { viewers: 3 }));
  leave();
  socket.say(tick(9, { viewers: 4 }));
  assert.deepEqual(viewers, [3]);
  assert.equal(model.view.state.viewers, 4);
});

test("sold out: the line goes from the shelf to a later lot to the waitlist, and nothing else changes", () => {
  const around = browser();
  const { model, socket } = inside(around);
  const other = model.view.state.offers["4"];
  const neighbour = lineOf(model, 3, 31);
  const left = (patch: object) => ({ offers: { "3": { lines: { "30": patch } } } });
  socket.say(tick(8, left({ left: 0, later: [["2026-12-03", 2]] })));
  assert.deepEqual(availability(lineOf(model, 3, 30)), { is: "later", left: 2, ready_on: "2026-12-03" });
  socket.say(tick(9, left({ later: [], waiting: 4 })));
  assert.deepEqual(availability(lineOf(model, 3, 30)), { is: "gone", waiting: 4 });
  socket.say(tick(10, left({ left: 1 })));
  assert.deepEqual(availability(lineOf(model, 3, 30)), { is: "now", left: 1 });
  assert.equal(model.view.state.offers["4"], other);
  assert.equal(lineOf(model, 3, 31), neighbour);
});

test("an offer comes, changes its price and goes; the order and the notice follow", () => {
  const around = browser();
  const { model, socket } = inside(around);
  const notice = { kind: "notice", text: "Back in five", texts: {}, at: 1 };
  socket.say(tick(8, { offers: { "5": offer(5, line(50)) }, order: [5, 3, 4], notice }));
  assert.deepEqual(model.view.state.order, [5, 3, 4]);
  assert.deepEqual(offerOf(model, 5), offer(5, line(50)));
  assert.deepEqual(model.view.state.notice, notice);
  socket.say(tick(9, { offers: { "5": { lines: { "50": { price_minor: 777 } } } } }));
  assert.deepEqual(lineOf(model, 5, 50), { ...line(50), price_minor: 777 });
  socket.say(tick(10, { offers: { "5": null }, order: [3, 4], notice: null }));
  assert.deepEqual(model.view.state, opening);
});

test("the next offer is shown when the picture has come to it, after five seconds anyway, in a snapshot at once", () => {
  const around = browser();
  const { model, socket, video } = inside(around);
  video.date = NOW;
  socket.say(tick(8, { featured: { offer_id: 4, at: NOW + 3_000 } }));
  assert.equal(model.view.featured, 3);
  video.currentTime = 2.9;
  mock.timers.tick(200);
  assert.equal(model.view.featured, 3);
  video.currentTime = 3;
  mock.timers.tick(200);
  assert.equal(model.view.featured, 4);
  socket.say(tick(9, { featured: { offer_id: 3, at: NOW + 60_000 } }));
  mock.timers.tick(4_800);
  assert.equal(model.view.featured, 4);
  mock.timers.tick(200);
  assert.equal(model.view.featured, 3);
  socket.say(tick(10, { featured: null }));
  assert.equal(model.view.featured, null);
  socket.say(snapshot(11, { ...opening, featured: { offer_id: 4, at: NOW + 600_000 } }));
  assert.equal(model.view.featured, 4);
});

test("chat: lines come once, hidden ones go, and a line that was refused says why until the next one", () => {
  const around = browser();
  const { model, socket } = inside(around, { chat: [said("1")] });
  socket.say(tick(8, undefined, { chat: [said("1"), said("2"), said("3")] }));
  socket.say(tick(9, undefined, { chat: [said("4")], hidden: ["2"] }));
  assert.deepEqual(
    model.view.chat.map((each) => each.id),
    ["1", "3", "4"],
  );
  assert.equal(model.speak("nice"), true);
  assert.deepEqual(socket.sent.at(-1), { t: "chat", ref: "c1", text: "nice" });
  socket.say({ t: "error", ref: "c1", code: "chat.too_fast", message: "Wait a moment." });
  assert.equal(model.view.chatProblem, "Wait a moment.");
  assert.equal(model.view.problem, null);
  model.speak("nicer");
  assert.equal(socket.sent.at(-1)?.["ref"], "c2");
  assert.equal(model.view.chatProblem, null);
  socket.say({ t: "ack", ref: "c2", held: true });
  assert.equal(model.view.chatProblem, "chat_held");
});

test("without a connection a line is said by POST, and shown once", async () => {
  const around = browser(({ url }) => (url === "/room/7/chat" ? { line: said("9", "nice") } : undefined));
  const { model, socket } = inside(around);
  socket.close();
  assert.equal(await model.speak("nice"), true);
  assert.deepEqual(around.requests, [{ url: "/room/7/chat", body: '{"text":"nice"}' }]);
  const again = around.wake();
  again.onopen?.();
  again.say(tick(8, undefined, { chat: [said("9", "nice")] }));
  assert.deepEqual(model.view.chat, [said("9", "nice")]);
});

test("a page that comes back names where it was, and takes what it missed on top of what it has", () => {
  const around = browser();
  const { model, socket } = inside(around, { chat: [said("1")] });
  socket.say(tick(8, { viewers: 3 }));
  socket.close();
  assert.equal(model.view.connection, "lost");
  const again = around.wake();
  again.onopen?.();
  assert.deepEqual(again.sent, [{ t: "hello", epoch: "ab", seq: 8 }]);
  again.say(tick(8, { viewers: 99 }));
  assert.equal(model.view.state.viewers, 3, "a tick that was heard counts once");
  again.say(tick(9, { orders: 1 }, { hidden: ["1"], chat: [said("2")] }));
  assert.equal(model.view.connection, "open");
  assert.deepEqual(model.view.state, { ...opening, viewers: 3, orders: 1 });
  assert.deepEqual(model.view.chat, [said("2")]);
});

test("a hole in the sequence changes nothing; the page asks for a snapshot, and what that leaves out is gone", () => {
  const around = browser();
  const { model, socket } = inside(around, { chat: [said("1"), said("rude")] });
  socket.say(tick(9, { viewers: 99 }));
  assert.equal(model.view.state.viewers, 2);
  const again = around.wake();
  assert.notEqual(again, socket);
  again.onopen?.();
  assert.deepEqual(again.sent, [{ t: "hello" }]);
  // "rude" was hidden, and offer 4 withdrawn, in the ticks that were lost.
  const state = { ...opening, order: [3], offers: { "3": offer(3, line(30, 0)) } };
  again.say(snapshot(9, state, [said("1"), said("2")]));
  assert.deepEqual(model.view.state, state);
  assert.deepEqual(model.view.chat, [said("1"), said("2")]);
});

test("another life of the room begins with a snapshot, whose numbers count from then on", () => {
  const around = browser();
  const { model, socket } = inside(around);
  socket.say(tick(8, { viewers: 3 }));
  socket.close();
  const again = around.wake();
  again.onopen?.();
  again.say(snapshot(0, opening, [], "cd"));
  again.say(tick(1, { viewers: 50 }));
  assert.equal(model.view.state.viewers, 50);
  again.close();
  const third = around.wake();
  third.onopen?.();
  assert.deepEqual(third.sent, [{ t: "hello", epoch: "cd", seq: 1 }]);
});

test("a purchase: the wish names what was shown, the hold is the buyer's own, also on a page made anew", async () => {
  const around = browser();
  const { model, socket } = inside(around);
  void model.buy(offerOf(model, 3), lineOf(model, 3, 30), 2);
  assert.equal(model.view.busy, true);
  void model.buy(offerOf(model, 3), lineOf(model, 3, 30), 2);
  const [wish, ...more] = purchaseOn(socket);
  assert.ok(wish);
  assert.deepEqual(more, [], "a second tap buys nothing");
  const { id, ...rest } = wish;
  assert.deepEqual(rest, {
    t: "buy",
    offer_id: 3,
    variant_id: 30,
    quantity: 2,
    price_minor: 1_030,
    latest_ready: "0001-01-01",
  });
  socket.say(held(id));
  await settled();
  assert.deepEqual([model.view.busy, model.view.problem], [false, null]);
  assert.deepEqual(model.view.sheet, { is: "held", id });
  const purchase = {
    id,
    line: 30,
    title: "Offer 3",
    url: `/s/corner/checkout/${id}`,
    expires_at: "2026-11-22T12:05:00.000Z",
    ready_on: null,
    later: false,
    quantity: 2,
    total: "€20.60",
    minor: 2060,
    currency: "EUR",
  };
  assert.deepEqual(model.view.purchases, [purchase]);
  const anew = page().model;
  assert.deepEqual(anew.view.purchases, [purchase]);
  assert.equal(anew.ownCheckout(30), `/s/corner/checkout/${id}`);
  assert.equal(anew.ownCheckout(31), undefined);
});

test("a hold ends by the clock of the server, not by that of the phone", async () => {
  const around = browser();
  const { model, socket } = inside(around);
  void model.buy(offerOf(model, 3), lineOf(model, 3, 30), 1);
  socket.say(held(purchaseOn(socket)[0]?.["id"], 300));
  await settled();
  socket.say({ ...tick(8, { viewers: 3 }), now: NOW + 299_000 });
  assert.equal(model.openPurchases().length, 1);
  socket.say({ ...tick(9, { viewers: 4 }), now: NOW + 300_000 });
  assert.deepEqual(model.openPurchases(), []);
  assert.equal(model.ownCheckout(30), undefined);
});

test("sold out says so; against the buyer's own hold it leads to the checkout", async () => {
  const around = browser();
  const { model, socket } = inside(around);
  const refuse = async (variant: number) => {
    void model.buy(offerOf(model, 3), lineOf(model, 3, variant), 1);
    const id = purchaseOn(socket).at(-1)?.["id"];
    socket.say({ t: "answer", id, outcome: "refused", code: "stock.sold_out", message: "Sold out." });
    await settled();
  };
  await refuse(30);
  assert.deepEqual(model.view.problem, { code: "stock.sold_out", text: "Sold out." });
  assert.deepEqual([model.view.busy, model.view.purchases, model.view.sheet], [false, [], { is: "none" }]);
  void model.buy(offerOf(model, 3), lineOf(model, 3, 31), 1);
  const own = purchaseOn(socket).at(-1)?.["id"];
  socket.say(held(own));
  await settled();
  await refuse(31);
  const url = `/s/corner/checkout/${own}`;
  assert.deepEqual(model.view.problem, { code: "stock.sold_out", text: "own_hold", url });
  assert.deepEqual(
    model.view.purchases.map((each) => each.id),
    [own],
  );
});

test("ready later than shown: buying again takes the day that was told", async () => {
  const around = browser();
  const { model, socket } = inside(around);
  const buy = () => void model.buy(offerOf(model, 3), lineOf(model, 3, 30), 1);
  buy();
  const [first] = purchaseOn(socket);
  const facts = { ready_on: "2026-12-03" };
  socket.say({
    t: "answer",
    id: first?.["id"],
    outcome: "refused",
    code: "stock.too_late",
    message: "Later.",
    facts,
  });
  await settled();
  assert.deepEqual(model.view.problem, { code: "stock.too_late", text: "too_late_then" });
  buy();
  const second = purchaseOn(socket).at(-1);
  assert.equal(second?.["latest_ready"], "2026-12-03");
  assert.notEqual(second?.["id"], first?.["id"], "a wish that was refused is settled");
});

test("a tap whose answer got lost is asked about with the same id, also after a reload; another price is another wish", async () => {
  const around = browser();
  const { model, socket } = inside(around);
  void model.buy(offerOf(model, 3), lineOf(model, 3, 30), 1);
  const id = purchaseOn(socket)[0]?.["id"];
  socket.close();
  const { attach, model: anew } = page();
  attach();
  const again = around.socket();
  assert.equal(anew.view.busy, true);
  again.onopen?.();
  again.say(snapshot(7));
  again.say(held(id));
  await settled();
  assert.deepEqual(
    anew.view.purchases.map((each) => each.id),
    [id],
  );
  again.say(tick(8, { offers: { "3": { lines: { "30": { price_minor: 900 } } } } }));
  void anew.buy(offerOf(anew, 3), lineOf(anew, 3, 30), 1);
  const next = purchaseOn(again).at(-1);
  assert.equal(next?.["price_minor"], 900);
  assert.notEqual(next?.["id"], id);
});

test("after no answer the same wish keeps its id, and another price makes another wish", async () => {
  const around = browser();
  const { model, socket } = inside(around);
  const buyInVain = async () => {
    void model.buy(offerOf(model, 3), lineOf(model, 3, 30), 1);
    for (let turn = 0; turn < 30; turn++) {
      mock.timers.tick(1_000);
      await settled();
    }
    assert.deepEqual([model.view.busy, model.view.problem?.code], [false, "unknown"]);
    return purchaseOn(socket).at(-1)?.["id"];
  };
  const id = await buyInVain();
  assert.equal(await buyInVain(), id);
  socket.say(tick(8, { offers: { "3": { lines: { "30": { price_minor: 900 } } } } }));
  assert.notEqual(await buyInVain(), id);
  assert.deepEqual(
    purchaseOn(socket).map((message) => message["price_minor"]),
    [1_030, 1_030, 900],
  );
});

test("an answer that comes too late for the tap still brings the purchase", async () => {
  const around = browser();
  const { model, socket } = inside(around);
  void model.buy(offerOf(model, 3), lineOf(model, 3, 30), 1);
  const id = purchaseOn(socket)[0]?.["id"];
  for (let turn = 0; turn < 30; turn++) {
    mock.timers.tick(1_000);
    await settled();
  }
  assert.deepEqual([model.view.busy, model.view.problem?.code], [false, "unknown"]);
  assert.ok(around.requests.some(({ url, body }) => url === "/buy?room=7" && JSON.parse(body).id === id));
  socket.say(held(id));
  assert.deepEqual(model.view.sheet, { is: "held", id });
  assert.deepEqual(
    model.view.purchases.map((each) => each.id),
    [id],
  );
});

test("what was checked out elsewhere is forgotten; units that a place in line brings are shown as a purchase", async () => {
  let answer: object = { places: [], again_in: 5 };
  const around = browser(() => answer);
  const { model, socket } = inside(around);
  void model.buy(offerOf(model, 3), lineOf(model, 3, 30), 1);
  const id = purchaseOn(socket)[0]?.["id"];
  socket.say(held(id));
  await settled();
  const place = {
    id: "p",
    variant_id: 40,
    position: 0,
    title: "Offer 4",
    quantity: 1,
    total_minor: 1_040,
    currency: "EUR",
  };
  const offered = {
    ...place,
    state: "offered",
    hold_id: "h",
    claim_until: null,
    ready_on: null,
    url: "/s/corner/checkout/h",
  };
  answer = { places: [offered], again_in: 5, settled: [id] };
  const anew = page();
  anew.model.open({ is: "bag" });
  anew.attach();
  await settled();
  assert.deepEqual(around.requests, [{ url: `/s/corner/waitlist?show=7&holds=${id}`, body: "" }]);
  assert.deepEqual(
    anew.model.view.purchases.map((each) => [each.id, each.line, each.total]),
    [["h", 40, "€10.40"]],
  );
  assert.deepEqual(anew.model.view.sheet, { is: "held", id: "h" });
});

test("likes show at once and leave in batches, none twice", () => {
  const around = browser();
  const { model, socket } = inside(around);
  for (let count = 0; count < 25; count++) model.like();
  assert.equal(model.view.state.likes, 25);
  mock.timers.tick(1_000);
  const likes = socket.sent.filter((message) => message["t"] === "like").map((message) => message["n"]);
  assert.deepEqual(likes, [20, 5]);
});

// The room as the server keeps it, for the property below: what it says is made here, without the code under test.

/** Numbers that look random and are the same each time. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

type Plain = Record<string, unknown>;
const isPlain = (value: unknown): value is Plain =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function difference(before: Plain, after: Plain): Plain {
  const patch: Plain = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, fresh] = [before[key], after[key]];
    if (JSON.stringify(old) === JSON.stringify(fresh)) continue;
    patch[key] = isPlain(old) && isPlain(fresh) ? difference(old, fresh) : (fresh ?? null);
  }
  return patch;
}

function changed(state: RoomState, roll: (sides: number) => number): RoomState {
  const offerId = 3 + roll(3);
  const lineId = offerId * 10 + roll(2);
  const found = state.offers[String(offerId)];
  const withLine = (more: Partial<Line>): RoomState => {
    const old = found?.lines[String(lineId)];
    if (found === undefined || old === undefined) return state;
    const lines = { ...found.lines, [String(lineId)]: { ...old, ...more } };
    return { ...state, offers: { ...state.offers, [String(offerId)]: { ...found, lines } } };
  };
  switch (roll(9)) {
    case 0:
      return withLine({ left: roll(3) });
    case 1:
      return withLine({ later: roll(2) === 0 ? [] : [["2026-12-03", roll(4)]], waiting: roll(3) });
    case 2:
      return withLine({ price_minor: 1 + roll(5_000) });
    case 3: {
      const { featured: _, ...rest } = state;
      return roll(4) === 0 ? rest : { ...rest, featured: { offer_id: offerId, at: roll(100) } };
    }
    case 4: {
      const fresh = offer(offerId, ...[line(offerId * 10), line(offerId * 10 + 1, roll(2))].slice(roll(2)));
      return {
        ...state,
        offers: { ...state.offers, [String(offerId)]: fresh },
        order: [offerId, ...state.order.filter((id) => id !== offerId)],
      };
    }
    case 5: {
      const offers = Object.fromEntries(
        Object.entries(state.offers).filter(([id]) => id !== String(offerId)),
      );
      return { ...state, offers, order: state.order.filter((id) => id !== offerId) };
    }
    case 6: {
      const { notice: _, ...rest } = state;
      return roll(2) === 0
        ? rest
        : {
            ...rest,
            notice: {
              kind: "notice",
              text: `N${roll(9)}`,
              texts: roll(2) === 0 ? {} : { zh_CN: "话" },
              at: 1,
            },
          };
    }
    case 7:
      return {
        ...state,
        show: {
          ...state.show,
          status: roll(2) === 0 ? "live" : "ended",
          titles: roll(2) === 0 ? {} : { fr: "Soir" },
        },
      };
    default:
      return { ...state, viewers: roll(50), likes: roll(50), orders: roll(5) };
  }
}

for (let seed = 1; seed <= 40; seed++) {
  test(`snapshot(n) and the ticks after it show what snapshot(m) shows, seed ${seed}`, () => {
    const around = browser();
    const roll = dice(seed);
    let state = opening;
    let chat: readonly ChatLine[] = [];
    let seq = 0;
    const ticks: object[] = [];
    const join = () => {
      const { model, attach } = page({ state: { ...opening, viewers: 1_000 }, chat: [] });
      attach();
      const socket = around.socket();
      socket.onopen?.();
      socket.say(snapshot(seq, state, chat));
      return { model, socket };
    };
    /** Come back; the server sends what was missed, or a snapshot to who does not say where it was. */
    const back = (reader: ReturnType<typeof join>) => {
      reader.socket = around.wake();
      reader.socket.onopen?.();
      const hello = reader.socket.sent[0];
      if (hello?.["seq"] === undefined) reader.socket.say(snapshot(seq, state, chat));
      else for (const missed of ticks.slice(Number(hello["seq"]))) reader.socket.say(missed);
    };
    const steady = join();
    const shaky = join();
    const late: ReturnType<typeof join>[] = [];
    for (let turn = 0; turn < 40; turn++) {
      const before = state;
      for (let change = roll(4); change >= 0; change--) state = changed(state, roll);
      const fresh = roll(3) === 0 ? [said(`l${turn}`)] : [];
      const hidden = chat.filter(() => roll(12) === 0).map((each) => each.id);
      chat = [...chat.filter((each) => !hidden.includes(each.id)), ...fresh];
      seq += 1;
      const next = tick(seq, difference(before as unknown as Plain, state as unknown as Plain), {
        chat: fresh,
        hidden,
      });
      ticks.push(next);
      for (const { socket } of [steady, ...late]) socket.say(next);
      // The shaky one hears some ticks, misses others with or without noticing, and comes back.
      const luck = roll(6);
      if (shaky.socket.readyState === 1 && luck > 0) shaky.socket.say(next);
      if (luck === 1 && shaky.socket.readyState === 1) shaky.socket.close();
      if (shaky.socket.readyState !== 1 && roll(2) === 0) back(shaky);
      if (turn === 10 || turn === 25) late.push(join());
    }
    if (shaky.socket.readyState === 1) shaky.socket.close();
    back(shaky);
    const { model } = join();
    assert.deepEqual(model.view.state, state);
    for (const [number, reader] of [steady, shaky, ...late].entries()) {
      const { view } = reader.model;
      assert.deepEqual(
        [view.state, view.chat, view.featured],
        [model.view.state, model.view.chat, model.view.featured],
        `reader ${number}`,
      );
    }
  });
}

const onCamera: RoomState = { ...opening, show: { ...opening.show, channel_id: 5 } };
const over = { show: { ...onCamera.show, status: "ended" } };

test("who is there when the show ends is offered the replay once there is one", async () => {
  let recorded = false;
  const around = browser((request) =>
    request.url.endsWith("replay.m3u8") ? (recorded ? {} : { code: "not_found" }) : undefined,
  );
  const { model, socket } = inside(around, { state: onCamera });
  const asked = () => around.requests.filter((each) => each.url === "/media/5/shows/7/replay.m3u8").length;
  socket.say(tick(8, over));
  await settled();
  assert.deepEqual([asked(), model.view.replay], [0, null]);
  mock.timers.tick(4_000);
  await settled();
  assert.deepEqual([asked(), model.view.replay], [1, null]);
  recorded = true;
  mock.timers.tick(10_000);
  await settled();
  assert.deepEqual([asked(), model.view.replay], [2, "/media/5/shows/7/replay.m3u8"]);
  mock.timers.tick(500_000);
  await settled();
  assert.equal(asked(), 2);
});

test("a show that was over before, or had no camera, is not asked for its replay", async () => {
  for (const state of [{ ...onCamera, ...over } as RoomState, opening]) {
    const around = browser(() => ({}));
    const { model, socket } = inside(around, { state });
    socket.say(tick(8, { show: { ...state.show, status: "ended" } }));
    mock.timers.tick(500_000);
    await settled();
    assert.deepEqual(
      [around.requests.filter((each) => each.url.includes("replay")).length, model.view.replay],
      [0, null],
    );
    mock.timers.reset();
  }
});
