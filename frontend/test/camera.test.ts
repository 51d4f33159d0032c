import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { advice, nextBitrate, together } from "../src/studio/camera/health.ts";
import { SoundClock } from "../src/studio/camera/sound.ts";
import { KIND, packed, Uplink } from "../src/studio/camera/uplink.ts";

class FakeSocket {
  readyState = 1;
  bufferedAmount = 0;
  binaryType = "";
  sent: unknown[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  send(what: unknown) {
    this.sent.push(what);
  }
  close() {
    this.readyState = 3;
    this.onclose?.();
  }
  say(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

function line() {
  const sockets: FakeSocket[] = [];
  const heard: string[] = [];
  const acks: number[] = [];
  const uplink = new Uplink(
    "ws://x",
    "a-page-1",
    { line: (state, why) => heard.push(why === "" ? state : `${state} ${why}`), ack: (at) => acks.push(at) },
    () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
  );
  const open = () => {
    const socket = sockets.at(-1);
    assert.ok(socket);
    socket.onopen?.();
    return socket;
  };
  return { uplink, sockets, heard, acks, open };
}

test("a message is its kind, its time modulo 2³², its data", () => {
  assert.deepEqual([...packed(KIND.keyFrame, 2 ** 32 + 258.4, new Uint8Array([9]))], [2, 0, 0, 1, 2, 9]);
});

test("it says who it is, sends when it may, and ends in words", () => {
  const { uplink, heard, acks, open } = line();
  uplink.start();
  const socket = open();
  assert.deepEqual(socket.sent, ['{"id":"a-page-1","take_over":false}']);
  uplink.send(new Uint8Array([1]));
  assert.equal(socket.sent.length, 1);
  socket.say({ t: "ready" });
  uplink.send(new Uint8Array([1]));
  socket.say({ t: "ack", at: 40 });
  uplink.stop();
  assert.deepEqual(socket.sent.slice(1), [new Uint8Array([1]), "end"]);
  assert.deepEqual([heard, acks], [["connecting", "ready"], [40]]);
});

test("a line that breaks is taken up again; a refusal is not, and somebody else's place only on purpose", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { uplink, sockets, heard, open } = line();
  uplink.start(true);
  open().say({ t: "ready" });
  sockets[0]?.close();
  mock.timers.tick(500);
  assert.equal(sockets.length, 2);
  const again = open();
  assert.deepEqual(again.sent, ['{"id":"a-page-1","take_over":false}']);
  again.say({ t: "refused", code: "media.channel_busy" });
  again.close();
  mock.timers.tick(60_000);
  assert.equal(sockets.length, 2);
  assert.deepEqual(heard, ["connecting", "ready", "lost", "connecting", "refused media.channel_busy"]);
  mock.timers.reset();
});

test("a network that swallows everything is given up, a server that restarts is waited for", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { uplink, sockets, heard, open } = line();
  uplink.start();
  open().say({ t: "ready" });
  mock.timers.tick(12_000);
  mock.timers.tick(500);
  assert.equal(sockets.length, 2);
  const socket = open();
  socket.say({ t: "ended", cause: "stopped" });
  socket.close();
  mock.timers.tick(1_000);
  assert.equal(sockets.length, 3);
  assert.deepEqual(heard, ["connecting", "ready", "lost", "connecting", "lost", "connecting"]);
  mock.timers.reset();
});

test("another camera in our place ends it", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { uplink, sockets, heard, open } = line();
  uplink.start();
  const socket = open();
  socket.say({ t: "ready" });
  socket.say({ t: "ended", cause: "replaced" });
  mock.timers.tick(60_000);
  assert.equal(sockets.length, 1);
  assert.equal(heard.at(-1), "ended replaced");
  mock.timers.reset();
});

const well = { wanted: 150, encoded: 150, slowDevice: 0, slowNetwork: 0, quiet: 0 };

test("what is wrong is told by its cause, the network first", () => {
  assert.equal(advice(well), "");
  assert.equal(advice({ ...well, slowNetwork: 16, slowDevice: 60, encoded: 74 }), "slow_network");
  assert.equal(advice({ ...well, slowDevice: 16, encoded: 134 }), "slow_device");
  assert.equal(advice({ ...well, quiet: 11 }), "quiet");
  assert.equal(advice(together([well, well, well, well, { ...well, slowDevice: 60, encoded: 90 }])), "");
});

test("bits go down at once and come back slowly, within bounds", () => {
  assert.equal(nextBitrate(1_000, 2_500, 400, true), 700);
  assert.equal(nextBitrate(500, 2_500, 400, true), 400);
  assert.equal(nextBitrate(1_000, 2_500, 400, false), 1_080);
  assert.equal(nextBitrate(2_400, 2_500, 400, false), 2_500);
});

test("sound is placed by its samples, whatever the delay of a piece, and follows a clock that runs askew", () => {
  const clock = new SoundClock();
  assert.equal(clock.place(0, 1_010), 1_010);
  assert.equal(clock.place(960, 1_075), 1_030);
  // Ten minutes later the sound card is 60 ms behind: within five seconds it is back in step.
  const late = 600 * 48_000;
  clock.place(late, 601_010 + 60);
  assert.equal(clock.place(late + 240_000, 606_010 + 60), 606_070);
});
