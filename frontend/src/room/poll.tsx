// The card of a poll: a button for each answer, and the bars once one has voted or it is over.

import { useState } from "preact/hooks";
import { count, countdown } from "../common/format.ts";
import { Icon } from "../common/icon.tsx";
import type { Say } from "../common/words.ts";
import { useKept } from "./kept.ts";
import { sent } from "./sent.ts";
import type { PollState } from "./state.ts";
import { useTicking } from "./ticking.ts";

interface Props {
  readonly poll: PollState;
  readonly say: Say;
  readonly language: string;
  /** Seconds until a moment, on the server's clock. */
  readonly until: (moment: number) => number;
}

const votesOf = (poll: PollState): number => poll.counts.reduce((sum, one) => sum + one, 0);

function Head({ poll, say, language, until }: Props) {
  const runs = poll.closed !== true;
  useTicking(runs, 250);
  const left = until(poll.closes_at);
  return (
    <>
      <p class="room-card-head">
        <span>
          <Icon name="chart" /> {say("poll")}
        </span>
        <span class="num">
          {say("poll.votes", { n: count(votesOf(poll), language) })}
          {runs && left > 0 && <b role="timer"> · {countdown(left)}</b>}
        </span>
      </p>
      <h2>{poll.question}</h2>
    </>
  );
}

function Bar({ poll, place, language }: { poll: PollState; place: number; language: string }) {
  const votes = poll.counts[place] ?? 0;
  return (
    <>
      <progress max={votesOf(poll) || 1} value={votes} aria-label={poll.answers[place] ?? ""} />{" "}
      <span class="num small">{count(votes, language)}</span>
    </>
  );
}

/** What the overlay shows of it. */
export function PollWords(props: Props) {
  const { poll, language } = props;
  return (
    <>
      <Head {...props} />
      {poll.answers.map((answer, place) => (
        <div class="poll-answer" key={answer}>
          <span>{answer}</span> <Bar poll={poll} place={place} language={language} />
        </div>
      ))}
    </>
  );
}

export function PollCard({ path, ...props }: Props & { readonly path: string }) {
  const { poll, say, language, until } = props;
  const [chosen, choose] = useKept<number>(`poll.${poll.id}`);
  const [problem, setProblem] = useState<string>();
  const takes = poll.closed !== true && until(poll.closes_at) > 0;

  async function vote(answer: number): Promise<void> {
    setProblem(undefined);
    const told = await sent<{ readonly answer: number }>(path, say, { answer: String(answer) });
    if (typeof told === "string") setProblem(told);
    else choose(told.answer);
  }

  return (
    <section class="room-card" aria-label={say("poll")}>
      <Head {...props} />
      {poll.answers.map((answer, place) => (
        <div class="poll-answer" key={answer}>
          {takes && chosen === null ? (
            <button type="button" class="button small" onClick={() => void vote(place)}>
              {answer}
            </button>
          ) : (
            <span>
              {answer}
              {chosen === place && (
                <>
                  {" "}
                  <Icon name="check" />
                  <span class="for-readers">{say("poll.yours")}</span>
                </>
              )}
            </span>
          )}
          {(!takes || chosen !== null) && <Bar poll={poll} place={place} language={language} />}
        </div>
      ))}
      {!takes && <p class="soft">{say("poll.closed")}</p>}
      {problem !== undefined && (
        <p class="text-bad" role="alert">
          {problem}
        </p>
      )}
    </section>
  );
}
