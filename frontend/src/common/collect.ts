// What a page tells the collector: batches of CloudEvents to POST /e, sent again with the same ids until they were taken.

export interface Facts {
  readonly [name: string]: string | number | boolean | null | undefined;
}

interface Entry {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly sessionid: string;
  readonly sequence: number;
  readonly data: Facts;
}

/** How a batch leaves; `last` when the page is going away.  True: taken, or for ever unfit; false: ask again. */
export type Send = (body: string, last: boolean) => Promise<boolean>;

const WAIT = 2_000;
const BATCH = 100;
const KEPT = 1_000;

export class Collector {
  private queue: Entry[] = [];
  private sequence = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending = false;
  private delay = WAIT;
  private readonly common: Facts;
  private readonly send: Send;
  private readonly newId: () => string;
  private readonly session: string;

  constructor(common: Facts, send: Send = sendToServer, newId: () => string = () => crypto.randomUUID()) {
    this.common = common;
    this.send = send;
    this.newId = newId;
    this.session = newId();
  }

  /** Note an event.  It leaves within two seconds, or when the page is hidden. */
  note(type: string, facts: Facts = {}): void {
    const time = new Date().toISOString();
    const data = { ...this.common, ...facts };
    this.queue.push({
      specversion: "1.0",
      id: this.newId(),
      source: "page",
      type,
      time,
      sessionid: this.session,
      sequence: ++this.sequence,
      data,
    });
    if (this.queue.length > KEPT) this.queue.splice(0, this.queue.length - KEPT);
    this.timer ??= setTimeout(() => void this.flush(), this.delay);
  }

  /** Send what waits.  A batch that was not taken stays in front of the queue. */
  async flush(last = false): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.queue.length === 0 || (this.sending && !last)) return;
    const batch = this.queue.slice(0, BATCH);
    const sentat = new Date().toISOString();
    this.sending = true;
    const taken = await this.send(JSON.stringify(batch.map((entry) => ({ ...entry, sentat }))), last).catch(
      () => false,
    );
    this.sending = false;
    this.delay = taken ? WAIT : Math.min(this.delay * 2, 60_000);
    if (taken) this.queue = this.queue.filter((entry) => !batch.includes(entry));
    if (this.queue.length > 0) this.timer ??= setTimeout(() => void this.flush(), this.delay);
  }

  /** Send what is left when the page is hidden: afterwards it may never run again. */
  flushWhenHidden(): void {
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") void this.flush(true);
    });
    addEventListener("pagehide", () => void this.flush(true));
  }
}

async function sendToServer(body: string, last: boolean): Promise<boolean> {
  if (last) return navigator.sendBeacon("/e", new Blob([body], { type: "text/plain" }));
  const response = await fetch("/e", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    keepalive: body.length < 60_000,
  });
  return response.status < 429;
}
