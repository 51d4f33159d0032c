// The room stream: snapshot, then ticks; taken up again where it broke off.  Where sockets are blocked, the same comes as
// server-sent events; what a page says then goes by POST.

import type { ChatLine, RoomState } from "./state.ts";

export interface Snapshot {
  readonly t: "snapshot";
  readonly epoch: string;
  readonly seq: number;
  readonly now: number;
  readonly state: RoomState;
  readonly chat: readonly ChatLine[];
}
export interface Tick {
  readonly t: "tick";
  readonly seq: number;
  readonly now: number;
  readonly patch?: unknown;
  readonly chat?: readonly ChatLine[];
  readonly hidden?: readonly string[];
  readonly answered?: Readonly<Record<string, number | null>>;
  readonly likes?: number;
}
export interface Part {
  readonly variant_id: number;
  readonly quantity: number;
  readonly ready_on?: string | null;
}
export interface Answer {
  readonly t: "answer";
  readonly id: string;
  readonly outcome: "held" | "open" | "queued" | "refused";
  readonly code?: string;
  readonly message?: string;
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly hold?: { readonly id: string; readonly expires_at: string; readonly parts: readonly Part[] };
  readonly url?: string;
}
export interface Problem {
  readonly t: "error";
  readonly ref: string;
  readonly code: string;
  readonly message: string;
  readonly facts?: Readonly<Record<string, unknown>>;
}
export interface Ack {
  readonly t: "ack";
  readonly ref: string;
  readonly held?: boolean;
}
export interface Bye {
  readonly t: "bye";
  readonly retry_after_ms: number;
}
/** What the visitor is here, besides a shopper. */
export interface Staff {
  readonly t: "role";
  readonly role: "host" | "moderator";
}
export type Message = Snapshot | Tick | Answer | Problem | Ack | Bye | Staff;

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
// A network that blocks sockets refuses them, or says nothing at all.
const HANDSHAKE = 8_000;
const REFUSED = 2;
// How often a page on events looks whether sockets pass by now.
const RETURN = 60_000;

/** What of an EventSource is used here. */
export interface Events {
  readyState: number;
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: Event) => void) | null;
  close(): void;
}

export class RoomSocket {
  private socket: WebSocket | undefined;
  private events: Events | undefined;
  private epoch: string | undefined;
  private seq = 0;
  private failures = 0;
  /** Handshakes in a row that led to nothing. */
  private refused = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  private opened = false;
  private greeted = false;
  private after: number | undefined;
  private readonly url: string;
  private readonly ears: Ears;
  private readonly open: (url: string) => WebSocket;
  private readonly subscribe: (url: string) => Events;

  /** `url` of the socket; the events of the same room stand beside it. */
  constructor(
    url: string,
    ears: Ears,
    open: (url: string) => WebSocket = (at) => new WebSocket(at),
    subscribe: (url: string) => Events = (at) => new EventSource(at),
  ) {
    this.url = url;
    this.ears = ears;
    this.open = open;
    this.subscribe = subscribe;
  }

  connect(): void {
    clearTimeout(this.retry);
    if (this.closed || this.socket !== undefined) return;
    if (this.events === undefined) this.ears.connection("connecting");
    const socket = this.open(this.url);
    this.socket = socket;
    this.opened = false;
    this.greeted = false;
    this.giveUpAfter(HANDSHAKE);
    socket.onopen = () => {
      this.opened = true;
      // Coming back from events: only an answer shows that the socket carries anything, and a snapshot is one.
      const resume =
        this.epoch === undefined || this.events !== undefined ? {} : { epoch: this.epoch, seq: this.seq };
      socket.send(JSON.stringify({ t: "hello", ...resume }));
      if ("epoch" in resume) this.giveUpAfter(SILENCE);
    };
    socket.onmessage = (event) => {
      this.giveUpAfter(SILENCE);
      const message = JSON.parse(String(event.data)) as Message;
      if (!this.greeted && message.t !== "bye" && message.t !== "error") this.greet();
      this.heard(message);
    };
    socket.onclose = () => this.lost(socket);
  }

  /** True when it was handed to an open connection; that it arrived, only an answer says. */
  send(message: object): boolean {
    if (this.socket?.readyState !== 1 || !this.greeted) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** The network lets no socket by: what comes, comes as events, and what is said goes by POST. */
  get isBlocked(): boolean {
    return this.events !== undefined;
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
    this.dropEvents();
  }

  private greet(): void {
    this.greeted = true;
    this.failures = 0;
    this.refused = 0;
    this.dropEvents();
    this.ears.connection("open");
  }

  private heard(message: Message): void {
    if (message.t === "snapshot") {
      this.epoch = message.epoch;
      this.seq = message.seq;
    } else if (message.t === "tick") {
      if (message.seq <= this.seq) return;
      if (message.seq !== this.seq + 1) {
        // A hole cannot be mended by guessing: ask for a snapshot.
        this.epoch = undefined;
        if (this.events === undefined) this.socket?.close();
        else this.listen();
        return;
      }
      this.seq = message.seq;
    } else if (message.t === "bye") {
      this.after = message.retry_after_ms;
    }
    this.ears.message(message);
  }

  /** Take the room's events the other way. */
  private listen(): void {
    this.dropEvents();
    const events = this.subscribe(this.url.replace(/^ws/, "http").replace(/socket$/, "events"));
    this.events = events;
    events.onmessage = (event) => {
      this.failures = 0;
      this.ears.connection("open");
      this.heard(JSON.parse(String(event.data)) as Message);
    };
    // The browser comes back by itself, and says where it was; unless it was turned away for good.
    events.onerror = () => {
      this.ears.connection("lost");
      if (events.readyState !== 2) return;
      this.dropEvents();
      this.again(backOff(this.failures++));
    };
  }

  private dropEvents(): void {
    if (this.events === undefined) return;
    this.events.onmessage = null;
    this.events.onerror = null;
    this.events.close();
    this.events = undefined;
  }

  /** A connection that says nothing for long is dead, whatever the browser thinks. */
  private giveUpAfter(ms: number): void {
    clearTimeout(this.watch);
    const socket = this.socket;
    this.watch = setTimeout(() => socket !== undefined && this.lost(socket), ms);
  }

  private again(ms: number): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.connect(), ms);
  }

  private lost(socket: WebSocket): void {
    if (socket !== this.socket) return;
    clearTimeout(this.watch);
    socket.onclose = null;
    socket.onmessage = null;
    socket.onopen = null;
    if (socket.readyState < 2) socket.close();
    this.socket = undefined;
    if (this.closed) return;
    // One that took up where it was and had nothing to tell has not failed.
    const inVain = !this.greeted && (!this.opened || this.epoch === undefined || this.events !== undefined);
    this.refused = inVain ? this.refused + 1 : 0;
    if (this.events === undefined) this.ears.connection("lost");
    if (this.events === undefined && this.refused >= REFUSED) this.listen();
    const told = this.after === undefined ? undefined : this.after * (1 + Math.random());
    this.after = undefined;
    this.again(
      told ?? (this.events === undefined ? backOff(this.failures++) : RETURN * (0.5 + Math.random())),
    );
  }
}
