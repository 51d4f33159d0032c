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

/** The day for what was shown on the shelf: before any lot, so that nothing is accepted for later unseen. */
export const ON_THE_SHELF = "0001-01-01";

/** What became of a wish.  `unknown`: no door answered; the same wish may be sent again, with the same id. */
export type Outcome = Answer | { readonly t: "unknown"; readonly id: string };

/** Refusals of the moment, not of the wish: what became of it is not known, or nobody has looked at it yet. */
const OF_THE_MOMENT: ReadonlySet<string> = new Set([
  "intake.full",
  "intake.unknown",
  "intake.closed",
  "database.away",
  "orders.too_fast",
  "room.too_fast",
  "room.hello_first",
  "room.not_here",
  "unavailable",
  "bug",
]);

/** Whether a wish is settled by this answer.  If not, it is to be asked again with the same id. */
export function isFinal(outcome: Outcome): boolean {
  return outcome.t === "answer" && !(outcome.outcome === "refused" && OF_THE_MOMENT.has(outcome.code ?? ""));
}

const PATIENCE = 2_000;
const TRIES = 3;

export class PurchaseClient {
  private readonly waiting = new Map<
    string,
    { readonly settle: (answer: Answer) => void; readonly hurry: (answer: Answer) => void }
  >();
  private readonly bySocket: (message: object) => boolean;
  private readonly byPost: (wish: Wish) => Promise<Answer | null>;
  private readonly patience: number;

  constructor(
    bySocket: (message: object) => boolean,
    byPost: (wish: Wish) => Promise<Answer | null>,
    patience = PATIENCE,
  ) {
    this.bySocket = bySocket;
    this.byPost = byPost;
    this.patience = patience;
  }

  /** An answer came over the stream.  False: nobody waits for it here. */
  answered(answer: Answer): boolean {
    const waits = this.waiting.get(answer.id);
    if (waits === undefined) return false;
    if (isFinal(answer)) waits.settle(answer);
    else waits.hurry(answer);
    return true;
  }

  /** Ask to buy.  The id makes it one purchase, whichever doors it takes.  What is not final was asked again in vain. */
  async buy(wish: Wish): Promise<Outcome> {
    let last: Answer | undefined;
    let hurry: () => void = () => {};
    const hurried = new Promise<undefined>((resolve) => (hurry = () => resolve(undefined)));
    const heard = new Promise<Answer>((resolve) =>
      this.waiting.set(wish.id, {
        settle: resolve,
        hurry: (answer) => {
          last = answer;
          hurry();
        },
      }),
    );
    try {
      if (this.bySocket({ t: "buy", ...wish })) {
        const first = await Promise.race([heard, hurried, sleep(this.patience)]);
        if (first !== undefined) return first;
        // Refused for the moment: the other door leads to the same room, so give it one.
        if (last !== undefined) await sleep(this.patience / 4);
      }
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const answer = await Promise.race([heard, this.byPost(wish).catch(() => null)]);
        if (answer !== null && isFinal(answer)) return answer;
        last = answer ?? last;
        const late = await Promise.race([
          heard,
          sleep(this.patience * (attempt + 1) * (0.5 + Math.random() / 2)),
        ]);
        if (late !== undefined) return late;
      }
      return last ?? { t: "unknown", id: wish.id };
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
  // A proxy that reaches nobody answers with a page of its own.
  if (!(response.headers.get("content-type") ?? "").startsWith("application/json")) return null;
  const body = (await response.json()) as Partial<Answer> & { code?: string; message?: string };
  if (body.outcome !== undefined) return { ...body, t: "answer", id: wish.id, outcome: body.outcome };
  return {
    t: "answer",
    id: wish.id,
    outcome: "refused",
    code: body.code ?? "invalid",
    message: body.message ?? "",
    facts: body.facts ?? {},
  };
}
