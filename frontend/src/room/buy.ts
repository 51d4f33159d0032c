// A purchase through two doors: the room stream, and a POST with the same id when no answer came in two seconds.

import type { Answer } from "./socket.ts";

export interface Wish {
  readonly id: string;
  readonly offer_id: number;
  readonly variant_id: number;
  readonly quantity: number;
  readonly price_minor: number;
  /** The day that was shown; what is ready later is refused. */
  readonly latest_ready: string;
}

/** What became of a wish.  `unknown`: no door answered; the same wish may be sent again, with the same id. */
export type Outcome = Answer | { readonly t: "unknown"; readonly id: string };

const PATIENCE = 2_000;
const TRIES = 3;

export class Till {
  private readonly waiting = new Map<string, (answer: Answer) => void>();
  private readonly bySocket: (message: object) => boolean;
  private readonly byPost: (wish: Wish) => Promise<Answer | null>;
  private readonly patience: number;

  constructor(bySocket: (message: object) => boolean, byPost: (wish: Wish) => Promise<Answer | null>, patience = PATIENCE) {
    this.bySocket = bySocket;
    this.byPost = byPost;
    this.patience = patience;
  }

  /** An answer came over the stream. */
  answered(answer: Answer): void {
    this.waiting.get(answer.id)?.(answer);
  }

  /** Ask to buy.  The id makes it one purchase, whichever doors it takes. */
  async buy(wish: Wish): Promise<Outcome> {
    const heard = new Promise<Answer>((resolve) => this.waiting.set(wish.id, resolve));
    try {
      if (this.bySocket({ t: "buy", ...wish })) {
        const first = await Promise.race([heard, sleep(this.patience)]);
        if (first !== undefined) return first;
      }
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const answer = await Promise.race([heard, this.byPost(wish).catch(() => null)]);
        if (answer !== null) return answer;
        const late = await Promise.race([heard, sleep(this.patience * (attempt + 1) * (0.5 + Math.random() / 2))]);
        if (late !== undefined) return late;
      }
      return { t: "unknown", id: wish.id };
    } finally {
      this.waiting.delete(wish.id);
    }
  }
}

function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms));
}

/** POST /buy.  Null: nobody was there to answer, ask again.  A proxy may send each room to a process of its own. */
export async function post(room: number, wish: Wish): Promise<Answer | null> {
  const response = await fetch(`/buy?room=${room}`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(wish),
  });
  if (response.status >= 500) return null;
  const body = (await response.json()) as Partial<Answer> & { code?: string; message?: string };
  if (body.outcome !== undefined) return { ...body, t: "answer", id: wish.id, outcome: body.outcome };
  return { t: "answer", id: wish.id, outcome: "refused", code: body.code ?? "invalid", message: body.message ?? "", facts: body.facts ?? {} };
}
