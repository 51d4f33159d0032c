// What of a browser the room's model touches, for tests: two kinds of connection, two shelves, requests, a video.

import assert from "node:assert/strict";
import { mock } from "node:test";

export class FakeSocket {
  static all: FakeSocket[] = [];
  readyState = 1;
  readonly sent: Record<string, unknown>[] = [];
  readonly url: string;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  constructor(url: string) {
    this.url = url;
    FakeSocket.all.push(this);
  }
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

class FakeEvents {
  readyState = 0;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  close() {
    this.readyState = 2;
  }
}

class FakeStorage {
  private readonly kept = new Map<string, string>();
  getItem(key: string) {
    return this.kept.get(key) ?? null;
  }
  setItem(key: string, value: string) {
    this.kept.set(key, value);
  }
}

/** A video that plays nothing.  `date`: the wall clock of its picture, where it has one. */
export class FakeVideo extends EventTarget {
  muted = false;
  playsInline = false;
  currentTime = 0;
  date = Number.NaN;
  getStartDate() {
    return new Date(this.date);
  }
  removeAttribute() {}
}

export interface Request {
  readonly url: string;
  readonly body: string;
}

/** `answer` decides what a request gets; undefined: nobody is there. */
export function browser(answer: (request: Request) => object | undefined = () => undefined) {
  FakeSocket.all = [];
  const requests: Request[] = [];
  const page = new EventTarget();
  const storage = { localStorage: new FakeStorage(), sessionStorage: new FakeStorage() };
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: NOW });
  Object.assign(globalThis, {
    location: { protocol: "https:", host: "shop.example" },
    document: Object.assign(new EventTarget(), { visibilityState: "visible" }),
    addEventListener: page.addEventListener.bind(page),
    WebSocket: FakeSocket,
    EventSource: FakeEvents,
    fetch: async (url: string, options: { body?: unknown } = {}) => {
      const request = { url, body: String(options.body ?? "") };
      requests.push(request);
      const given = answer(request);
      if (given === undefined) throw new TypeError("nobody is there");
      const headers = new Headers({ "content-type": "application/json" });
      return {
        ok: !("code" in given),
        status: "code" in given ? 422 : 200,
        headers,
        json: async () => given,
      };
    },
  });
  for (const [name, value] of Object.entries(storage))
    Object.defineProperty(globalThis, name, { value, configurable: true });
  const socket = (): FakeSocket => {
    const last = FakeSocket.all.at(-1);
    assert.ok(last, "no connection was tried");
    return last;
  };
  return {
    requests,
    socket,
    sockets: () => FakeSocket.all.length,
    /** The phone wakes up: what has no connection connects at once. */
    wake: () => {
      document.dispatchEvent(new Event("visibilitychange"));
      return socket();
    },
  };
}

/** 22 November 2026, noon. */
export const NOW = Date.UTC(2026, 10, 22, 12);

/** Let what was promised happen, without letting time pass. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
