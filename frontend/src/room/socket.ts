// The room stream: snapshot, then ticks; taken up again where it broke off.

import type { ChatLine, RoomState } from "./state.ts";

export interface Snapshot { readonly t: "snapshot"; readonly epoch: string; readonly seq: number; readonly now: number; readonly state: RoomState; readonly chat: readonly ChatLine[] }
export interface Tick { readonly t: "tick"; readonly seq: number; readonly now: number; readonly patch?: unknown; readonly chat?: readonly ChatLine[]; readonly hidden?: readonly string[]; readonly likes?: number }
export interface Part { readonly variant_id: number; readonly quantity: number; readonly ready_on?: string | null }
export interface Answer {
  readonly t: "answer"; readonly id: string; readonly outcome: "held" | "open" | "queued" | "refused"; readonly code?: string; readonly message?: string;
  readonly facts?: Readonly<Record<string, unknown>>; readonly hold?: { readonly id: string; readonly expires_at: string; readonly parts: readonly Part[] }; readonly url?: string;
}
export interface Problem { readonly t: "error"; readonly ref: string; readonly code: string; readonly message: string; readonly facts?: Readonly<Record<string, unknown>> }
export interface Ack { readonly t: "ack"; readonly ref: string; readonly held?: boolean }
export interface Bye { readonly t: "bye"; readonly retry_after_ms: number }
export type Message = Snapshot | Tick | Answer | Problem | Ack | Bye;

export type Connection = "connecting" | "open" | "lost";

export interface Ears {
  readonly message: (message: Message) => void;
  readonly connection: (state: Connection) => void;
}

/** Milliseconds until the next try: random, so that a thousand pages do not come back in the same instant. */
export function backOff(failures: number, random: () => number = Math.random): number {
  const most = Math.min(30_000, 500 * 2 ** failures);
  return Math.round(most / 2 + (most / 2) * random());
}

// A quiet room says nothing for long; taking the stream up again costs one small frame, so this may be short of minutes.
const SILENCE = 75_000;

export class RoomSocket {
  private socket: WebSocket | undefined;
  private epoch: string | undefined;
  private seq = 0;
  private failures = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  private greeted = false;
  private after: number | undefined;
  private readonly url: string;
  private readonly ears: Ears;
  private readonly open: (url: string) => WebSocket;

  constructor(url: string, ears: Ears, open: (url: string) => WebSocket = (at) => new WebSocket(at)) {
    this.url = url;
    this.ears = ears;
    this.open = open;
  }

  connect(): void {
    clearTimeout(this.retry);
    if (this.closed || this.socket !== undefined) return;
    this.ears.connection("connecting");
    const socket = this.open(this.url);
    this.socket = socket;
    this.greeted = false;
    socket.onopen = () => {
      const resume = this.epoch === undefined ? {} : { epoch: this.epoch, seq: this.seq };
      socket.send(JSON.stringify({ t: "hello", ...resume }));
      this.listenForSilence();
    };
    socket.onmessage = (event) => this.heard(JSON.parse(String(event.data)) as Message);
    socket.onclose = () => this.lost(socket);
  }

  /** True when it was handed to an open connection; that it arrived, only an answer says. */
  send(message: object): boolean {
    if (this.socket?.readyState !== 1 || !this.greeted) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** The page is seen again, or the network is back: do not wait for the timer. */
  hurry(): void {
    if (this.socket === undefined) this.connect();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    clearTimeout(this.watch);
    this.socket?.close();
  }

  private heard(message: Message): void {
    this.listenForSilence();
    if (message.t === "snapshot") {
      this.epoch = message.epoch;
      this.seq = message.seq;
    } else if (message.t === "tick") {
      if (message.seq <= this.seq) return;
      if (message.seq !== this.seq + 1) {
        // A hole cannot be mended by guessing: ask for a snapshot.
        this.epoch = undefined;
        this.socket?.close();
        return;
      }
      this.seq = message.seq;
    } else if (message.t === "bye") {
      this.after = message.retry_after_ms;
    }
    if (!this.greeted && message.t !== "bye" && message.t !== "error") {
      this.greeted = true;
      this.failures = 0;
      this.ears.connection("open");
    }
    this.ears.message(message);
  }

  /** A connection that says nothing for long is dead, whatever the browser thinks. */
  private listenForSilence(): void {
    clearTimeout(this.watch);
    const socket = this.socket;
    this.watch = setTimeout(() => socket !== undefined && this.lost(socket), SILENCE);
  }

  private lost(socket: WebSocket): void {
    if (socket !== this.socket) return;
    clearTimeout(this.watch);
    socket.onclose = null;
    socket.onmessage = null;
    if (socket.readyState < 2) socket.close();
    this.socket = undefined;
    if (this.closed) return;
    this.ears.connection("lost");
    const told = this.after === undefined ? undefined : this.after * (1 + Math.random());
    this.after = undefined;
    this.retry = setTimeout(() => this.connect(), told ?? backOff(this.failures++));
  }
}
