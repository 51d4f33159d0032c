import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { countdown } from "../common/format.ts";
import { Icon } from "../common/icon.tsx";
import type { Say } from "../common/words.ts";
import type { ChatLine } from "./state.ts";
import { useTicking } from "./ticking.ts";

interface ListProps {
  readonly lines: readonly ChatLine[];
  readonly say: Say;
  /** What staff may do with a line; null for everybody else. */
  readonly act: ((line: ChatLine) => void) | null;
}

/** The last lines, fading upward.  Scrolls with the talk unless the reader has scrolled back. */
export function ChatList({ lines, say, act }: ListProps) {
  const list = useRef<HTMLDivElement>(null);
  const follow = useRef(true);
  useEffect(() => {
    if (list.current !== null && follow.current) list.current.scrollTop = list.current.scrollHeight;
  }, [lines]);
  const shown = useMemo(() => <Lines lines={lines} say={say} act={act} />, [lines, say, act]);
  return (
    <div
      class="chat"
      ref={list}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must scroll from the keyboard too
      tabIndex={0}
      aria-label={say("chat")}
      role="log"
      aria-live="off"
      onScroll={(event) => {
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
        follow.current = scrollHeight - scrollTop - clientHeight < 24;
      }}
    >
      <ol>{shown}</ol>
    </div>
  );
}

function Lines({ lines, say, act }: ListProps) {
  return (
    <>
      {lines.map((line) => (
        <li key={line.id} class={line.role}>
          {line.role !== "system" && (
            <b>
              {line.name || say("guest")}
              {(line.role === "host" || line.role === "moderator" || line.role === "buyer") && (
                <i>{say(`role.${line.role}`)}</i>
              )}
            </b>
          )}{" "}
          <span>{line.text}</span>
          {line.answered != null && <i class="answered">{say("answered")}</i>}
          {act !== null && line.role !== "system" && (
            <button type="button" class="line-act" aria-label={say("act.title")} onClick={() => act(line)}>
              <Icon name="more" />
            </button>
          )}
        </li>
      ))}
    </>
  );
}

interface FormProps {
  readonly say: Say;
  readonly problem: string | null;
  /** Seconds between two lines; 0: as ever. */
  readonly pause: number;
  /** Until when nothing more can be said. */
  readonly silentUntil: number;
  /** Whether it left; what did not stays in the field. */
  readonly send: (text: string) => boolean | Promise<boolean>;
}

export function ChatForm({ say, send, problem, pause, silentUntil }: FormProps) {
  const [text, setText] = useState("");
  const wait = Math.max(0, silentUntil - Date.now());
  useTicking(wait > 0, 250);
  const hint = pause > 0 ? say("slow_mode", { n: pause }) : say("say_something");
  return (
    <form
      class="chat-form"
      onSubmit={(event) => {
        event.preventDefault();
        const trimmed = text.trim();
        if (trimmed === "" || silentUntil > Date.now()) return;
        const sent = send(trimmed);
        if (sent === true) setText("");
        else
          void Promise.resolve(sent).then(
            (left) => left && setText((now) => (now.trim() === trimmed ? "" : now)),
          );
      }}
    >
      <label class="for-readers" for="chat-text">
        {say("say_something")}
      </label>
      <input
        id="chat-text"
        name="text"
        autocomplete="off"
        enterkeyhint="send"
        maxLength={300}
        placeholder={hint}
        value={text}
        aria-describedby={problem === null ? undefined : "chat-problem"}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {wait > 0 && (
        <b class="glass round num" role="timer">
          {countdown(wait / 1000)}
        </b>
      )}
      {wait === 0 && text.trim() !== "" && (
        <button type="submit" class="glass round" aria-label={say("send")}>
          <Icon name="send" />
        </button>
      )}
      {problem !== null && (
        <p class="chat-problem" id="chat-problem" role="status">
          {problem}
        </p>
      )}
    </form>
  );
}
