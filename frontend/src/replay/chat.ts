// The chat of a replay: what had been said when the picture was taken, fetched a little ahead.

import type { Words } from "../common/words.ts";

interface Line {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  readonly role: string;
  readonly at: number;
}

interface Answer {
  readonly lines: readonly Line[];
  readonly more: boolean;
}

// So much of what was said before is shown after a jump, and so many lines at most.
const BEFORE = 30_000;
const MOST = 200;

export class ReplayChat {
  private lines: Line[] = [];
  private more = true;
  private busy = false;
  /** What is loaded reaches back to here without a hole; null: nothing is loaded. */
  private since: number | null = null;
  private shown: readonly [first: string | undefined, count: number] = [undefined, -1];
  private failedAt = Number.NEGATIVE_INFINITY;
  private readonly list: HTMLOListElement;
  private readonly box: HTMLElement;
  private readonly url: string;
  private readonly texts: Words;

  constructor(box: HTMLElement, url: string, texts: Words) {
    this.box = box;
    this.url = url;
    this.texts = texts;
    this.list = box.querySelector("ol") ?? box.appendChild(document.createElement("ol"));
    box.hidden = false;
  }

  /** The picture is at this moment of the clock of the video. */
  async follow(moment: number): Promise<void> {
    const last = this.lines.at(-1)?.at ?? this.since ?? moment;
    // Back before what is loaded, or so far ahead that what lies between need not be read.
    if (this.since === null || moment < this.since || (this.more && moment > last + 120_000)) {
      this.lines = [];
      this.more = true;
      this.since = moment - BEFORE;
    }
    this.show(moment);
    if (!this.more || this.busy || performance.now() - this.failedAt < 10_000) return;
    if (this.lines.length > 0 && moment < last) return;
    await this.load(this.since, this.lines.at(-1)?.id);
    this.show(moment);
  }

  private async load(since: number, after: string | undefined): Promise<void> {
    this.busy = true;
    const asked = new URLSearchParams({
      since: String(Math.floor(since)),
      ...(after === undefined ? {} : { after }),
    });
    try {
      const answer = await fetch(`${this.url}?${asked}`);
      if (!answer.ok) throw new Error(String(answer.status));
      const { lines, more } = (await answer.json()) as Answer;
      if (this.since !== since) return;
      this.lines.push(...lines);
      this.more = more;
    } catch {
      this.failedAt = performance.now();
    } finally {
      this.busy = false;
    }
  }

  private show(moment: number): void {
    const said = this.lines.filter((line) => line.at <= moment).slice(-MOST);
    const now = [said[0]?.id, said.length] as const;
    if (now[0] === this.shown[0] && now[1] === this.shown[1]) return;
    this.shown = now;
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    const follows = scrollHeight - scrollTop - clientHeight < 24;
    this.list.replaceChildren(...said.map((line) => this.row(line)));
    if (follows) this.box.scrollTop = this.box.scrollHeight;
  }

  private row(line: Line): HTMLLIElement {
    const row = document.createElement("li");
    row.className = line.role;
    if (line.role !== "system") {
      const name = document.createElement("b");
      name.textContent = line.name || (this.texts["guest"] ?? "");
      row.append(name, " ");
      if (line.role === "host" || line.role === "moderator" || line.role === "buyer") {
        const badge = document.createElement("span");
        badge.className = "badge";
        badge.textContent = this.texts[`role.${line.role}`] ?? "";
        row.append(badge, " ");
      }
    }
    row.append(line.text);
    return row;
  }
}
