// What a page tells the collector: batches of CloudEvents to POST /e, sent again with the same ids until they were
// taken.  Our own pages use it, and other sites of the merchant by `events/main.ts`.

import { timeOrderedId } from "./ids.ts";

export interface Facts {
  readonly [name: string]: unknown;
}

interface Entry {
  readonly id: string;
  readonly type: string;
  readonly sessionid: string;
  readonly sequence: number;
  readonly data: Facts;
  /** When it happened, by the clock people set, and by the one of this page, which never jumps. */
  readonly wall: number;
  readonly steady: number;
}

/** How a batch leaves; `last` when the page is going away.
 *  True: taken, or for ever unfit; false: ask again; a number: ask again after so many seconds. */
export type Send = (body: string, last: boolean) => Promise<boolean | number>;

/** Where events wait for the next page while there is no network: `localStorage`, or nothing. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export interface Means {
  readonly send?: Send;
  readonly newId?: () => string;
  readonly wall?: () => number;
  readonly steady?: () => number;
  readonly shelf?: Shelf | null;
  /** Whether this visitor is measured; without it a browser that says no is believed. */
  readonly consent?: boolean;
}

const WAIT = 2_000;
const LONGEST_WAIT = 60_000;
const BATCH = 100;
const KEPT = 1_000;
/** Browsers let 64 KiB be on their way from a page that closes, all requests together. */
const BYTES = 60_000;
/** What may wait for the next page, of one page; the collector believes 72 hours. */
const SHELVED = 200_000;
const OLDEST = 72 * 3_600_000;
const SHELF = "events:";

/** Whether this browser says that nobody shall measure it (Global Privacy Control, Do Not Track). */
export function saysNo(
  from: { globalPrivacyControl?: boolean; doNotTrack?: string | null } = navigator,
): boolean {
  return from.globalPrivacyControl === true || from.doNotTrack === "1";
}

export class Collector {
  private queue: Entry[] = [];
  private sequence = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending = false;
  private delay = WAIT;
  private measured: boolean;
  private readonly common: Facts;
  private readonly send: Send;
  private readonly newId: () => string;
  private readonly wall: () => number;
  private readonly steady: () => number;
  private readonly shelf: Shelf | null;
  private readonly session: string;

  constructor(common: Facts, means: Means = {}) {
    this.common = common;
    this.send = means.send ?? sendTo("/e");
    this.newId = means.newId ?? timeOrderedId;
    this.wall = means.wall ?? Date.now;
    this.steady = means.steady ?? (() => performance.now());
    this.shelf = means.shelf === undefined ? ownShelf() : means.shelf;
    this.session = this.newId();
    this.measured = means.consent ?? !saysNo();
    // What an earlier page could not send any more.
    if (this.measured && this.shelved().length > 0) this.later();
  }

  /** The visitor says yes, or no: then what waits is forgotten, here and on the device. */
  consent(given: boolean): void {
    this.measured = given;
    if (given) {
      if (this.shelved().length > 0) this.later();
      return;
    }
    clearTimeout(this.timer);
    this.timer = undefined;
    this.queue = [];
    for (const key of [...this.shelved(), SHELF + this.session]) this.shelf?.removeItem(key);
  }

  /** Note an event.  It leaves within two seconds, or when the page is hidden; nothing is noted without consent. */
  note(type: string, facts: Facts = {}): void {
    if (!this.measured) return;
    let data: Facts;
    try {
      // As it is now, and as it can be sent; what cannot be written down is no fact.
      data = JSON.parse(JSON.stringify({ ...this.common, ...facts })) as Facts;
    } catch {
      return;
    }
    this.queue.push({
      id: this.newId(),
      type,
      sessionid: this.session,
      sequence: ++this.sequence,
      data,
      wall: this.wall(),
      steady: this.steady(),
    });
    if (this.queue.length > KEPT) this.queue.splice(0, this.queue.length - KEPT);
    this.later();
  }

  /** Send what waits.  A batch that was not taken stays in front of the queue. */
  async flush(last = false): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (last) return this.leave();
    if (this.sending) return;
    this.sending = true;
    const found = this.shelved();
    const batch = this.fitting(this.queue.slice(0, BATCH));
    let taken: boolean | number = true;
    if (batch.length > 0) taken = await this.ask(batch);
    // A visitor who said no meanwhile has emptied the queue, and nothing more leaves.
    for (const key of found) if (taken === true && this.measured) taken = await this.unshelve(key);
    this.sending = false;
    this.delay =
      taken === true ? WAIT : Math.min(Math.max(this.delay * 2, Number(taken) * 1_000), LONGEST_WAIT);
    if (taken !== true) this.keep();
    else if (this.queue.length === 0) this.shelf?.removeItem(SHELF + this.session);
    if (this.queue.length > 0 || (taken !== true && found.length > 0)) this.later();
  }

  /** Send what is left when the page is hidden: afterwards it may never run again. */
  flushWhenHidden(): void {
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") void this.flush(true);
    });
    addEventListener("pagehide", () => void this.flush(true));
    addEventListener("online", () => {
      this.delay = WAIT;
      void this.flush();
    });
  }

  private later(): void {
    this.timer ??= setTimeout(() => void this.flush(), this.delay);
  }

  private async ask(batch: readonly Entry[], last = false): Promise<boolean | number> {
    const taken = await this.send(this.written(batch), last).catch(() => false);
    if (taken === true) this.queue = this.queue.filter((entry) => !batch.includes(entry));
    return taken;
  }

  /** Everything at once: what the browser does not take is cut in two, and one event that is left is put by. */
  private async leave(): Promise<void> {
    this.keep();
    const pieces: (readonly Entry[])[] = [];
    for (let rest = this.queue; rest.length > 0; ) {
      const piece = this.fitting(rest);
      pieces.push(piece);
      rest = rest.slice(piece.length);
    }
    // Side by side: the page may be gone before the first one is answered.
    await Promise.all(pieces.map((piece) => this.leaveWith(piece)));
    this.keep();
  }

  private async leaveWith(piece: readonly Entry[]): Promise<void> {
    if ((await this.ask(piece, true)) === true || piece.length < 2) return;
    const half = piece.length >> 1;
    await Promise.all([this.leaveWith(piece.slice(0, half)), this.leaveWith(piece.slice(half))]);
  }

  /** As many from the front as one request may carry, one at least. */
  private fitting(entries: readonly Entry[]): readonly Entry[] {
    let size = 0;
    const end = entries.findIndex((entry) => {
      size += new TextEncoder().encode(this.written([entry])).length;
      return size > BYTES;
    });
    return end < 0 ? entries : entries.slice(0, Math.max(end, 1));
  }

  /** As CloudEvents.  Age is what counts: the collector takes `sentat` − `time` from the moment it hears of it. */
  private written(batch: readonly Entry[]): string {
    const [wall, steady] = [this.wall(), this.steady()];
    const iso = (time: number) => new Date(time).toISOString();
    return JSON.stringify(
      batch.map(({ id, type, sessionid, sequence, data, ...made }) => {
        // The clock that people set may go back; the other one stands while a device sleeps.
        const age = Math.max(wall - made.wall, steady - made.steady, 0);
        return {
          specversion: "1.0",
          id,
          source: "page",
          type,
          time: iso(wall - age),
          sentat: iso(wall),
          sessionid,
          sequence,
          data,
        };
      }),
    );
  }

  // The shelf: one key for each page that had to leave something behind.

  private keep(): void {
    if (this.shelf === null) return;
    try {
      if (this.queue.length === 0) {
        this.shelf.removeItem(SHELF + this.session);
        return;
      }
      let kept = this.queue;
      let text = JSON.stringify(kept);
      while (text.length > SHELVED && kept.length > 1) {
        kept = kept.slice((kept.length + 1) >> 1);
        text = JSON.stringify(kept);
      }
      this.shelf.setItem(SHELF + this.session, text);
    } catch {
      // Full, or forbidden: what is lost is seen by the gap in the sequence.
    }
  }

  private shelved(): string[] {
    try {
      const { shelf } = this;
      const keys = Array.from({ length: shelf?.length ?? 0 }, (_, place) => shelf?.key(place) ?? "");
      return keys.filter((key) => key.startsWith(SHELF) && key !== SHELF + this.session);
    } catch {
      return [];
    }
  }

  /** What another page left.  Sent twice, should that page be open still: ids are known. */
  private async unshelve(key: string): Promise<boolean | number> {
    let left: Entry[] = [];
    const text = this.shelf?.getItem(key) ?? "[]";
    try {
      const found = JSON.parse(text) as Entry[];
      // The steady clock of that page is not ours.
      left = found
        .filter((entry) => this.wall() - entry.wall < OLDEST)
        .map((entry) => ({ ...entry, steady: this.steady() }));
    } catch {
      // Somebody else's, or cut off: nothing can be made of it.
    }
    while (left.length > 0) {
      if (!this.measured) return true;
      const piece = this.fitting(left.slice(0, BATCH));
      const taken = await this.send(this.written(piece), false).catch(() => false);
      if (taken !== true) return taken;
      left = left.slice(piece.length);
    }
    // Its page may be open still, and have left more meanwhile.
    if (this.shelf?.getItem(key) === text) this.shelf.removeItem(key);
    return true;
  }
}

function ownShelf(): Shelf | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

/** Sends to a collector, of this site or another; to another without cookies, and as text, which asks nobody first. */
export function sendTo(url: string): Send {
  return async (body, last) => {
    const ours = new URL(url, location.href).origin === location.origin;
    if (last && ours) return navigator.sendBeacon(url, new Blob([body], { type: "text/plain" }));
    const response = await fetch(url, {
      method: "POST",
      credentials: ours ? "same-origin" : "omit",
      body,
      keepalive: last,
    });
    const { status } = response;
    if (status < 500 && status !== 429 && status !== 408) return true;
    return Number(response.headers.get("retry-after")) || false;
  };
}
