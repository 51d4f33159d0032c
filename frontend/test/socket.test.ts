import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { backOff, type Connection, type Message, RoomSocket } from "../src/room/socket.ts";

class FakeSocket {
  readyState = 1;
  sent: unknown[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  send(text: string) { this.sent.push(JSON.parse(text)); }
  close() { this.readyState = 3; this.onclose?.(); }
  say(message: object) { this.onmessage?.({ data: JSON.stringify(message) }); }
}

function room() {
  const sockets: FakeSocket[] = [];
  const heard: Message[] = [];
  const states: Connection[] = [];
  const socket = new RoomSocket("ws://x", { message: (one) => heard.push(one), connection: (one) => states.push(one) }, () => {
    const fake = new FakeSocket();
    sockets.push(fake);
    return fake as unknown as WebSocket;
  });
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
  assert.equal(backOff(0, () => 0), 250);
  assert.equal(backOff(0, () => 1), 500);
  assert.equal(backOff(3, () => 0.5), 3_000);
  assert.equal(backOff(50, () => 1), 30_000);
});
