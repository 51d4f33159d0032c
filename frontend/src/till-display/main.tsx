// What the customer sees: a second window of the till's browser, told by it what is in the basket.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { pageData, speaker, type Words } from "../common/words.ts";
import { money } from "../till/money.ts";
import type { Shown } from "../till/screens.ts";

interface Page {
  readonly slug: string;
  readonly language: string;
  readonly shop: string;
}

const root = document.getElementById("till-display");
if (root !== null) render(<Display />, root);

function Display() {
  const page = pageData<Page>("till-page");
  const words = pageData<Record<string, Words>>("till-words");
  const [told, setTold] = useState<Shown>({ language: page.language, currency: "", total: 0, lines: [] });
  useEffect(() => {
    const channel = new BroadcastChannel(`till-${page.slug}`);
    channel.onmessage = (event: MessageEvent<Shown>) => {
      // A basket that was just paid stays until the next one begins.
      setTold((before) =>
        before.paid && event.data.lines.length === 0 && !event.data.paid ? before : event.data,
      );
    };
    channel.postMessage({ hello: true });
    return () => channel.close();
  }, []);
  const say = speaker(words[told.language] ?? {});
  const amount = (minor: number) => money(minor, told.currency, told.language);
  if (told.paid)
    return (
      <main class="display-words">
        <h1>{say("thanks")}</h1>
        <p class="display-total num">{amount(told.paid.total)}</p>
        {told.paid.change > 0 && <p class="num">{say("change_is", { amount: amount(told.paid.change) })}</p>}
      </main>
    );
  if (told.lines.length === 0)
    return (
      <main class="display-words">
        <h1>{page.shop}</h1>
        <p>{say("welcome")}</p>
      </main>
    );
  return (
    <main class="display">
      <ol class="display-lines">
        {told.lines.map((line, at) => (
          <li key={`${at}-${line.title}`}>
            <span class="num">
              {line.weight === null ? `${line.quantity} ×` : `${line.weight / 1000} kg`}
            </span>
            <span>{line.title}</span>
            <span class="num">{amount(line.amount)}</span>
          </li>
        ))}
      </ol>
      <p class="display-total">
        <span>{say("total")}</span> <b class="num">{amount(told.total)}</b>
      </p>
    </main>
  );
}
