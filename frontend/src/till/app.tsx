// The till's page: which screen it is on, what stands above all of them, and who is at it.

import { useEffect, useState } from "preact/hooks";
import { away } from "../common/format.ts";
import { Icon } from "../common/icon.tsx";
import { type Of, PinPad, TextField } from "./parts.tsx";
import type { Assistant } from "./protocol.ts";
import { Selling } from "./selling.tsx";
import { Sheets } from "./sheets.tsx";
import { OpenShift } from "./shift.tsx";
import type { Till } from "./till.ts";

export function App({ till, takeOver }: Of & { readonly takeOver: () => void }) {
  const [, again] = useState(0);
  useEffect(() => {
    const stop = till.listen(() => again((count) => count + 1));
    // What changed between the first picture and this.
    again((count) => count + 1);
    return stop;
  }, [till]);
  useEffect(() => {
    // What is not sent grows older while nothing else happens.
    const timer = setInterval(() => again((count) => count + 1), 20_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <>
      <Page till={till} takeOver={takeOver} />
      {till.notice !== null && (
        <p class={`till-notice ${till.notice.kind}`} role="status">
          <Icon name={till.notice.kind === "good" ? "check" : "alert"} />
          {till.notice.text}
        </p>
      )}
    </>
  );
}

function Page({ till, takeOver }: Of & { readonly takeOver: () => void }) {
  if (till.screen === "starting") return <p class="till-plain soft">{till.say("starting")}</p>;
  if (till.screen === "broken") return <Message till={till} icon="alert" title="broken" text="broken_text" />;
  if (till.screen === "elsewhere")
    return (
      <Message till={till} icon="info" title="elsewhere" text="elsewhere_text">
        <button type="button" class="button main" onClick={takeOver}>
          {till.say("take_over")}
        </button>
      </Message>
    );
  if (till.screen === "pair") return <Pairing till={till} />;
  if (till.screen === "locked_out")
    return (
      <Message till={till} icon="shield" title="locked_out" text="locked_out_text">
        <Unsent till={till} />
        <ExportButton till={till} />
      </Message>
    );
  if (till.snapshot === null)
    return (
      <Message
        till={till}
        icon="wifi"
        title="fetching"
        text={till.online ? "fetching_text" : "fetching_offline"}
      >
        <button type="button" class="button" onClick={() => till.kick()}>
          {till.say("try_again")}
        </button>
      </Message>
    );
  const inside =
    till.assistant === null ? (
      <SignIn till={till} />
    ) : till.shift === null ? (
      <OpenShift till={till} />
    ) : (
      <Selling till={till} />
    );
  return (
    <div class="till">
      <Top till={till} />
      <Warnings till={till} />
      {inside}
      <Sheets till={till} />
    </div>
  );
}

function Message({
  till,
  icon,
  title,
  text,
  children,
}: Of & {
  readonly icon: string;
  readonly title: string;
  readonly text: string;
  readonly children?: unknown;
}) {
  return (
    <main class="till-plain">
      <Icon name={icon} big />
      <h1>{till.say(title)}</h1>
      <p>{till.say(text)}</p>
      {children as never}
    </main>
  );
}

function Top({ till }: Of) {
  const { assistant, snapshot } = till;
  return (
    <header class="till-top">
      <button
        type="button"
        class="button plain round"
        aria-label={till.say("menu")}
        disabled={assistant === null}
        onClick={() => till.show({ name: "menu" })}
      >
        <Icon name="menu" />
      </button>
      <div class="till-where">
        <b class="clip">{snapshot?.register.name}</b>
        <span class="soft small clip">
          {[snapshot?.location.name, assistant?.name].filter(Boolean).join(" · ")}
        </span>
      </div>
      {till.training && <span class="till-badge wait">{till.say("training")}</span>}
      <Status till={till} />
      {assistant !== null && (
        <button
          type="button"
          class="button plain round"
          aria-label={till.say("sign_out")}
          title={till.say("sign_out")}
          onClick={() => till.signOut()}
        >
          <Icon name="key" />
        </button>
      )}
    </header>
  );
}

/** Whether there is a network, and what it still has to be told. */
function Status({ till }: Of) {
  const waiting = till.journal.unsent.length;
  const kind = till.online ? (waiting > 0 ? "wait" : "good") : "bad";
  return (
    <button
      type="button"
      class={`till-status ${kind}`}
      data-unsent={waiting}
      data-online={till.online}
      onClick={() => till.show({ name: "tasks" })}
    >
      <Icon name="wifi" />
      <span>
        <b>{till.say(till.online ? "online" : "offline")}</b>
        {waiting > 0 && <Unsent till={till} />}
      </span>
      {till.tasks.length > 0 && <i class="till-count">{till.tasks.length}</i>}
    </button>
  );
}

export function Unsent({ till }: Of) {
  const { unsent } = till.journal;
  const first = unsent[0];
  if (first === undefined) return <span class="small">{till.say("all_sent")}</span>;
  const seconds = (Date.now() - Date.parse(first.at)) / 1000;
  const age = seconds < 60 ? "" : away(-seconds, till.language);
  return (
    <span class="small num">
      {[till.say("unsent", { n: unsent.length }), age].filter(Boolean).join(" · ")}
    </span>
  );
}

function Warnings({ till }: Of) {
  const told: string[] = [];
  if (till.isClockWrong)
    told.push(till.say("clock_wrong", { minutes: Math.round(Math.abs(till.ahead) / 60_000) }));
  if (till.unknown) told.push(till.say("unknown_device"));
  if (told.length === 0) return null;
  return (
    <div class="till-warnings">
      {told.map((text) => (
        <p key={text} role="alert">
          <Icon name="alert" /> {text}
        </p>
      ))}
      {till.unknown && (
        <span class="row">
          <ExportButton till={till} />
          <button
            type="button"
            class="button small"
            onClick={() => {
              till.screen = "pair";
              till.changed();
            }}
          >
            {till.say("pair_again")}
          </button>
        </span>
      )}
    </div>
  );
}

export function ExportButton({ till }: Of) {
  return (
    <button type="button" class="button" onClick={() => exportJournal(till)}>
      <Icon name="download" /> {till.say("export")}
    </button>
  );
}

function exportJournal(till: Till): void {
  const { paired, journal } = till;
  const content = {
    device: paired?.device,
    series: paired?.series,
    counters: journal.counters,
    facts: journal.facts,
  };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], { type: "application/json" }));
  link.download = `journal-${paired?.series ?? "till"}-${journal.counters.sequence}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function Pairing({ till }: Of) {
  const asked = new URLSearchParams(location.hash.slice(1)).get("pair") ?? "";
  const [code, setCode] = useState(asked);
  const [name, setName] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const send = async () => {
    setBusy(true);
    const told = await till.pair(code.trim(), name.trim() || till.say("this_till"));
    setBusy(false);
    setProblem(told ?? "");
    if (told === null) history.replaceState(null, "", location.pathname);
  };
  return (
    <main class="till-plain">
      <Icon name="store" big />
      <h1>{till.say("pair")}</h1>
      {till.lost !== null && (
        <p class="till-lost" role="alert">
          <Icon name="alert" />{" "}
          {till.say(till.lost.unsent > 0 ? "cleared_lost" : "cleared", {
            register: till.lost.register,
            series: till.lost.series,
            n: till.lost.unsent,
          })}
        </p>
      )}
      <p>{till.say("pair_text")}</p>
      <form
        class="till-form"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <label class="field">
          <span class="label">{till.say("pair_code")}</span>
          <input
            class="code"
            autocomplete="off"
            autocapitalize="characters"
            maxLength={20}
            value={code}
            placeholder="ABCD-EFGH"
            aria-invalid={problem !== ""}
            onInput={(event) => {
              setProblem("");
              setCode(event.currentTarget.value);
            }}
          />
          {problem !== "" && (
            <span class="error" role="alert">
              {till.say(problem)}
            </span>
          )}
        </label>
        <TextField label={till.say("pair_name")} text={name} change={setName} most={60} />
        <button
          type="submit"
          class="button main wide"
          disabled={code.trim().length < 6 || busy}
          aria-busy={busy}
        >
          {till.say("pair_button")}
        </button>
      </form>
      <Languages till={till} />
    </main>
  );
}

export function Languages({ till }: Of) {
  return (
    <p class="row">
      {Object.keys(till.words).map((tag) => (
        <button
          key={tag}
          type="button"
          class="button plain"
          lang={tag}
          aria-pressed={till.language === tag}
          onClick={() => till.speak(tag)}
        >
          {tag.startsWith("zh") ? "中文" : "English"}
        </button>
      ))}
    </p>
  );
}

function SignIn({ till }: Of) {
  const people = (till.snapshot?.assistants ?? []).filter((each) => each.pin !== null);
  const [wanted, setChosen] = useState<Assistant | null>(people.length === 1 ? (people[0] ?? null) : null);
  // Once it is locked, only a manager comes further.
  const chosen = till.locked && wanted?.manager !== true ? null : wanted;
  const offered = till.locked ? people.filter((each) => each.manager) : people;
  return (
    <main class="till-plain sign-in">
      {till.locked && (
        <p class="till-lost" role="alert">
          <Icon name="alert" /> {till.say("pin_locked")}
        </p>
      )}
      {people.length === 0 && (
        <>
          <h1>{till.say("no_assistants")}</h1>
          <p>{till.say("no_assistants_text")}</p>
        </>
      )}
      {chosen === null && people.length > 0 && (
        <>
          <h1>{till.say("who")}</h1>
          <div class="people">
            {offered.map((each) => (
              <button key={each.id} type="button" class="button person" onClick={() => setChosen(each)}>
                <span class="face" aria-hidden="true">
                  {[...each.name][0]}
                </span>
                {each.name}
              </button>
            ))}
          </div>
        </>
      )}
      {chosen !== null && (
        <>
          <h1>{chosen.name}</h1>
          <PinPad
            key={chosen.id}
            till={till}
            label={till.say("pin")}
            done={(pin) => till.signIn(chosen, pin)}
          />
          {people.length > 1 && (
            <button type="button" class="button plain" onClick={() => setChosen(null)}>
              {till.say("somebody_else")}
            </button>
          )}
        </>
      )}
      <Languages till={till} />
    </main>
  );
}
