// The line to the shop: a WebSocket that says who we are, carries what was encoded, and is taken up again where it broke.

export const KIND = {
  pictureParameters: 1,
  keyFrame: 2,
  frame: 3,
  aacParameters: 4,
  opusParameters: 5,
  sound: 6,
} as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** A byte that says what it is, the time in ms modulo 2³², the data. */
export function packed(kind: Kind, at: number, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(5 + data.length);
  message[0] = kind;
  new DataView(message.buffer).setUint32(1, Math.round(at) % 2 ** 32);
  message.set(data, 5);
  return message;
}

export type Line = "connecting" | "ready" | "lost" | "refused" | "ended";

export interface UplinkEars {
  /** `why` is the code of a refusal, or the cause of an end. */
  readonly line: (line: Line, why: string) => void;
  /** The newest frame that is in the playlist, by its time. */
  readonly ack: (at: number) => void;
}

// Nobody else in our place, and nothing we did: the same may succeed in a moment.
const PASSING = new Set(["database.away", "media.too_many_cameras", "unavailable"]);
const HANDSHAKE = 8_000;
// Parts of the playlist come four times a second; a line that swallows frames without one is dead.
const SILENCE = 12_000;

export class Uplink {
  private socket: WebSocket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private wanted = false;
  private ready = false;
  private takesOver = false;
  private readonly id: string;
  private readonly url: string;
  private readonly ears: UplinkEars;
  private readonly open: (url: string) => WebSocket;

  constructor(
    url: string,
    id: string,
    ears: UplinkEars,
    open: (url: string) => WebSocket = (at) => new WebSocket(at),
  ) {
    this.url = url;
    this.id = id;
    this.ears = ears;
    this.open = open;
  }

  start(takeOver = false): void {
    this.wanted = true;
    this.takesOver = takeOver;
    this.failures = 0;
    this.connect();
  }

  /** Bytes that wait for the network. */
  get waiting(): number {
    return this.socket?.bufferedAmount ?? 0;
  }

  get isReady(): boolean {
    return this.ready;
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.ready && this.socket?.readyState === 1) this.socket.send(message);
  }

  /** The network is back: do not wait for the timer. */
  hurry(): void {
    if (this.wanted && this.socket === undefined) this.connect();
  }

  stop(): void {
    this.wanted = false;
    this.ready = false;
    clearTimeout(this.timer);
    clearTimeout(this.watch);
    const socket = this.socket;
    this.socket = undefined;
    if (socket === undefined) return;
    socket.onclose = null;
    socket.onmessage = null;
    if (socket.readyState === 1) socket.send("end");
    else socket.close();
  }

  private connect(): void {
    clearTimeout(this.timer);
    if (this.socket !== undefined) return;
    this.ears.line("connecting", "");
    const socket = this.open(this.url);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ id: this.id, take_over: this.takesOver }));
    socket.onmessage = (event) => this.heard(JSON.parse(String(event.data)));
    socket.onclose = () => this.lost(socket);
    this.within(HANDSHAKE, socket);
  }

  private heard(message: { t: string; code?: string; cause?: string; at?: number }): void {
    const socket = this.socket;
    if (socket === undefined) return;
    if (message.t === "ready") {
      this.ready = true;
      this.failures = 0;
      this.takesOver = false;
      this.within(SILENCE, socket);
      this.ears.line("ready", "");
    } else if (message.t === "ack" && message.at !== undefined) {
      this.within(SILENCE, socket);
      this.ears.ack(message.at);
    } else if (message.t === "refused") {
      if (!PASSING.has(message.code ?? "")) this.giveUp("refused", message.code ?? "");
    } else if (message.t === "ended") {
      // A server that is restarted takes us again.
      if (message.cause !== "stopped" && message.cause !== "lost") this.giveUp("ended", message.cause ?? "");
    }
  }

  private giveUp(line: Line, why: string): void {
    this.wanted = false;
    this.ready = false;
    clearTimeout(this.watch);
    const socket = this.socket;
    this.socket = undefined;
    if (socket !== undefined) {
      socket.onclose = null;
      socket.onmessage = null;
      socket.close();
    }
    this.ears.line(line, why);
  }

  private lost(socket: WebSocket): void {
    if (socket !== this.socket) return;
    this.socket = undefined;
    this.ready = false;
    clearTimeout(this.watch);
    if (!this.wanted) return;
    this.ears.line("lost", "");
    const most = Math.min(8_000, 500 * 2 ** this.failures++);
    this.timer = setTimeout(() => this.connect(), most / 2 + (most / 2) * Math.random());
  }

  /** Give this connection up when nothing is heard of it in time: closing may wait for a network that is gone. */
  private within(milliseconds: number, socket: WebSocket): void {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => {
      socket.onclose = null;
      socket.onmessage = null;
      socket.close();
      this.lost(socket);
    }, milliseconds);
  }
}
