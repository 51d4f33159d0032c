import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { backOff, type Connection, type Message, RoomSocket } from "../src/room/socket.ts";

class FakeSocket {
  readyState = 1;
  sent: unknown[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
    this.onclose?.();
  }
  say(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

function room() {
  const sockets: FakeSocket[] = [];
  const heard: Message[] = [];
  const states: Connection[] = [];
  const socket = new RoomSocket(
    "ws://x",
    { message: (one) => heard.push(one), connection: (one) => states.push(one) },
    () => {
      const fake = new FakeSocket();
      sockets.push(fake);
      return fake as unknown as WebSocket;
    },
  );
  const at = (index: number) => {
    const found = sockets[index];
    assert.ok(found, `there is no connection ${index}`);
    return found;
  };
  return { socket, sockets, at, heard, states };
}

const snapshot = { t: "snapshot", epoch: "ab", seq: 7, now: 1, state: {}, chat: [] };

test("greets, then goes on from the last tick it saw", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, at, sockets } = room();
  socket.connect();
  at(0).onopen?.();
  assert.deepEqual(at(0).sent, [{ t: "hello" }]);
  assert.equal(socket.send({ t: "like", n: 1 }), false, "nothing is sent before the room has answered");
  at(0).say(snapshot);
  at(0).say({ t: "tick", seq: 8, now: 2 });
  assert.equal(socket.send({ t: "like", n: 1 }), true);
  at(0).close();
  mock.timers.tick(30_000);
  assert.equal(sockets.length, 2);
  at(1).onopen?.();
  assert.deepEqual(at(1).sent, [{ t: "hello", epoch: "ab", seq: 8 }]);
  socket.close();
  mock.timers.reset();
});

test("a tick heard twice counts once; a hole asks for a snapshot", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, at, heard } = room();
  socket.connect();
  at(0).onopen?.();
  at(0).say(snapshot);
  at(0).say({ t: "tick", seq: 7, now: 2 });
  assert.equal(heard.length, 1);
  at(0).say({ t: "tick", seq: 9, now: 3 });
  assert.equal(heard.length, 1);
  mock.timers.tick(30_000);
  at(1).onopen?.();
  assert.deepEqual(at(1).sent, [{ t: "hello" }]);
  socket.close();
  mock.timers.reset();
});

test("a farewell is waited out for the time it names and up to twice that", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, at, sockets, states } = room();
  socket.connect();
  at(0).onopen?.();
  at(0).say(snapshot);
  at(0).say({ t: "bye", retry_after_ms: 10_000 });
  at(0).close();
  mock.timers.tick(9_999);
  assert.equal(sockets.length, 1);
  mock.timers.tick(10_001);
  assert.equal(sockets.length, 2);
  assert.deepEqual(states, ["connecting", "open", "lost", "connecting"]);
  socket.close();
  mock.timers.reset();
});

test("a connection that says nothing for long is given up", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, at, sockets } = room();
  socket.connect();
  at(0).onopen?.();
  at(0).say(snapshot);
  mock.timers.tick(75_000);
  mock.timers.tick(30_000);
  assert.equal(sockets.length, 2);
  socket.close();
  mock.timers.reset();
});

test("the pause between tries grows, is random, and ends at half a minute", () => {
  assert.equal(
    backOff(0, () => 0),
    250,
  );
  assert.equal(
    backOff(0, () => 1),
    500,
  );
  assert.equal(
    backOff(3, () => 0.5),
    3_000,
  );
  assert.equal(
    backOff(50, () => 1),
    30_000,
  );
});

class FakeEvents {
  readyState = 0;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  readonly url: string;
  constructor(url: string) {
    this.url = url;
  }
  close() {
    this.readyState = 2;
  }
  say(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) } as MessageEvent);
  }
}

function blocked() {
  const sockets: FakeSocket[] = [];
  const events: FakeEvents[] = [];
  const heard: Message[] = [];
  const states: Connection[] = [];
  const socket = new RoomSocket(
    "wss://x/room/7/socket",
    { message: (one) => heard.push(one), connection: (one) => states.push(one) },
    () => {
      const fake = new FakeSocket();
      fake.readyState = 0;
      sockets.push(fake);
      return fake as unknown as WebSocket;
    },
    (url) => {
      const fake = new FakeEvents(url);
      events.push(fake);
      return fake;
    },
  );
  const last = <T>(of: readonly T[]): T => {
    const found = of.at(-1);
    assert.ok(found, "there is none yet");
    return found;
  };
  return { socket, sockets, events, heard, states, last };
}

test("after two handshakes that fail, the room comes as events", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, sockets, events, heard, states, last } = blocked();
  socket.connect();
  last(sockets).close();
  assert.equal(events.length, 0, "one failure may be anything");
  mock.timers.tick(30_000);
  // The second says nothing at all.
  assert.equal(sockets.length, 2);
  mock.timers.tick(8_000);
  assert.deepEqual(
    events.map((one) => one.url),
    ["https://x/room/7/events"],
  );
  last(events).say(snapshot);
  last(events).say({ t: "tick", seq: 8, now: 2 });
  assert.deepEqual(
    heard.map((one) => one.t),
    ["snapshot", "tick"],
  );
  assert.equal(states.at(-1), "open");
  assert.equal(socket.send({ t: "like", n: 1 }), false, "nothing can be said this way");
  socket.close();
  assert.equal(last(events).readyState, 2);
  mock.timers.reset();
});

test("a page on events returns to the socket when it passes, and not before it has answered", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, sockets, events, states, last } = blocked();
  socket.connect();
  last(sockets).close();
  mock.timers.tick(30_000);
  last(sockets).close();
  last(events).say(snapshot);
  mock.timers.tick(90_000);
  assert.equal(sockets.length, 3);
  last(sockets).close();
  assert.equal(states.at(-1), "open", "the events go on meanwhile");
  mock.timers.tick(90_000);
  assert.equal(sockets.length, 4);
  last(sockets).readyState = 1;
  last(sockets).onopen?.();
  assert.deepEqual(last(sockets).sent, [{ t: "hello" }], "a snapshot shows that it works");
  assert.notEqual(last(events).readyState, 2);
  last(sockets).say({ ...snapshot, seq: 30 });
  assert.equal(last(events).readyState, 2);
  assert.equal(socket.send({ t: "like", n: 1 }), true);
  socket.close();
  mock.timers.reset();
});

test("a hole in the events asks for a snapshot; who is turned away tries both ways again", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, sockets, events, heard, states, last } = blocked();
  socket.connect();
  last(sockets).close();
  mock.timers.tick(30_000);
  last(sockets).close();
  last(events).say(snapshot);
  last(events).say({ t: "tick", seq: 11, now: 2 });
  assert.equal(events.length, 2, "a new subscription begins with a snapshot");
  assert.equal(heard.length, 1);
  last(events).say({ ...snapshot, seq: 11 });
  last(events).readyState = 0;
  last(events).onerror?.(new Event("error"));
  assert.equal(states.at(-1), "lost");
  assert.equal(events.length, 2, "the browser comes back by itself");
  last(events).readyState = 2;
  last(events).onerror?.(new Event("error"));
  mock.timers.tick(30_000);
  assert.equal(sockets.length, 3);
  last(sockets).close();
  assert.equal(events.length, 3);
  socket.close();
  mock.timers.reset();
});

test("a quiet socket that took up where it was has not failed", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, sockets, events, last } = blocked();
  const open = () => {
    last(sockets).readyState = 1;
    last(sockets).onopen?.();
  };
  socket.connect();
  open();
  last(sockets).say(snapshot);
  for (let round = 0; round < 3; round++) {
    mock.timers.tick(75_000);
    mock.timers.tick(30_000);
    open();
  }
  assert.equal(events.length, 0);
  assert.equal(sockets.length, 4);
  socket.close();
  mock.timers.reset();
});
