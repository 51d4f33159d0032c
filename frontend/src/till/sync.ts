// Sends the journal when there is a network, and fetches what changed in the shop.

import type { Journal } from "./journal.ts";
import type { Fact, Snapshot, Task } from "./protocol.ts";
import { NoAnswer, type Server, type Taken } from "./server.ts";

const MOST_FACTS = 200;
const MOST_BYTES = 700_000;
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 60_000;
/** Between two looks whether the server is there and has something new. */
const CALM = 30_000;

export interface Heard {
  journal(): Journal;
  shift(): string | null;
  /** The tag of the snapshot that is kept here. */
  tag(): string | null;
  /** Whether the server answered, and by how much its clock is ahead. */
  connected(is: boolean, ahead?: number): void;
  took(tasks: readonly Task[]): void;
  fetched(snapshot: Snapshot): Promise<void>;
  /** The server does not know this device, or has locked it out. */
  refused(code: "unknown" | "locked_out"): void;
}

export class Sync {
  private readonly server: Server;
  private readonly heard: Heard;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wait = FIRST_WAIT;
  private running = false;
  private again = false;
  private stopped = false;

  constructor(server: Server, heard: Heard) {
    this.server = server;
    this.heard = heard;
  }

  /** Something is to be sent, or the network may be back. */
  kick(): void {
    if (this.stopped) return;
    if (this.running) this.again = true;
    else void this.run();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async run(): Promise<void> {
    clearTimeout(this.timer);
    this.running = true;
    let pause = CALM;
    try {
      do {
        this.again = false;
        await this.exchange();
      } while (this.again && !this.stopped);
      this.wait = FIRST_WAIT;
    } catch (problem) {
      pause = this.trouble(problem);
    }
    this.running = false;
    if (!this.stopped) this.timer = setTimeout(() => this.kick(), pause);
  }

  private async exchange(): Promise<void> {
    let changed = true;
    for (let batch = this.batch(); batch.length > 0; batch = this.batch()) {
      const last = batch.at(-1)?.sequence ?? 0;
      const answer = await this.server.send(batch);
      changed = answer.snapshot_changed;
      await this.heard.journal().taken(answer.taken_to, this.heard.shift());
      this.told(answer);
      if (this.stopped) return;
      // A gap that the server sees and we cannot fill: asked again later, not at once and for ever.
      if (answer.taken_to < last) break;
    }
    if (!changed) return;
    const sent = Date.now();
    const snapshot = await this.server.snapshot(this.heard.tag());
    if (snapshot === null) this.heard.connected(true);
    else {
      this.heard.connected(true, Date.parse(snapshot.server_time) - (sent + Date.now()) / 2);
      await this.heard.fetched(snapshot);
    }
  }

  private told(answer: Taken): void {
    this.heard.connected(true, Date.parse(answer.server_time) - Date.now());
    this.heard.took(answer.tasks);
  }

  private batch(): Fact[] {
    const chosen: Fact[] = [];
    let bytes = 0;
    for (const fact of this.heard.journal().unsent) {
      bytes += JSON.stringify(fact).length * 3;
      if (chosen.length > 0 && (chosen.length >= MOST_FACTS || bytes > MOST_BYTES)) break;
      chosen.push(fact);
    }
    return chosen;
  }

  private trouble(problem: unknown): number {
    const { status, code, body } = problem instanceof NoAnswer ? problem : new NoAnswer(0);
    this.heard.connected(status !== 0 && status < 500);
    if (status === 401) this.heard.refused("unknown");
    if (status === 403 && code === "tills.locked_out") {
      const taken = body["taken_to"];
      if (typeof taken === "number") void this.heard.journal().taken(taken, this.heard.shift());
      this.heard.refused("locked_out");
    }
    const pause = this.wait * (0.75 + Math.random() / 2);
    this.wait = Math.min(LONGEST_WAIT, this.wait * 2);
    return pause;
  }
}
