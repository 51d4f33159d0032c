// Requests to the server.  No answer means that there is no network: the till sells on.

import type { Fact, KnownSale, Paired, Snapshot, Task } from "./protocol.ts";

/** What the server did not want, or (`status` 0) that it was not there. */
export class NoAnswer extends Error {
  readonly status: number;
  readonly code: string;
  readonly body: Readonly<Record<string, unknown>>;
  constructor(status: number, body: Record<string, unknown> = {}) {
    super(String(body["code"] ?? status));
    this.status = status;
    this.code = String(body["code"] ?? "");
    this.body = body;
  }
}

export interface Taken {
  readonly taken_to: number;
  readonly server_time: string;
  readonly tasks: readonly Task[];
  readonly snapshot_changed: boolean;
}

export class Server {
  private readonly base: string;
  private token = "";

  constructor(slug: string) {
    this.base = `/till/${slug}/api`;
  }

  speakAs(paired: Pick<Paired, "device" | "secret">): void {
    this.token = `Till ${paired.device}.${paired.secret}`;
  }

  pair(code: string, name: string): Promise<Paired> {
    return this.json("POST", "/pair", { code, name });
  }

  /** Null: what we have is the newest. */
  async snapshot(version: string | null): Promise<Snapshot | null> {
    const answer = await this.ask("GET", "/snapshot", undefined, 120_000, version);
    return answer.status === 304 ? null : ((await answer.json()) as Snapshot);
  }

  send(facts: readonly Fact[]): Promise<Taken> {
    return this.json("POST", "/journal", { device_time: new Date().toISOString(), facts }, 60_000);
  }

  find(text: string): Promise<{ sales: KnownSale[] }> {
    return this.json("GET", `/sales?find=${encodeURIComponent(text)}`);
  }

  availability(variant: number): Promise<{
    variants: {
      id: number;
      available: number;
      escrow: number;
      elsewhere: { location: string; available: number }[];
    }[];
  }> {
    return this.json("GET", `/availability?variants=${variant}`);
  }

  hold(id: string, lines: readonly { variant: number; quantity: number }[]): Promise<unknown> {
    return this.json("PUT", `/holds/${id}`, { lines }, 3_000);
  }

  async release(id: string): Promise<void> {
    await this.ask("DELETE", `/holds/${id}`, undefined, 3_000);
  }

  private async json<T>(method: string, path: string, body?: unknown, patience = 15_000): Promise<T> {
    const answer = await this.ask(method, path, body, patience);
    return (await answer.json().catch(() => {
      throw new NoAnswer(0);
    })) as T;
  }

  private async ask(
    method: string,
    path: string,
    body: unknown,
    patience: number,
    version: string | null = null,
  ): Promise<Response> {
    const headers: Record<string, string> = {};
    if (this.token !== "") headers["authorization"] = this.token;
    if (body !== undefined) headers["content-type"] = "application/json";
    if (version !== null) headers["if-none-match"] = version;
    let answer: Response;
    try {
      answer = await fetch(`${this.base}${path}`, {
        method,
        headers,
        cache: "no-store",
        signal: AbortSignal.timeout(patience),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch {
      throw new NoAnswer(0);
    }
    if (answer.ok || answer.status === 304) return answer;
    throw new NoAnswer(answer.status, await answer.json().catch(() => ({})));
  }
}
