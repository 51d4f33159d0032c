import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Icon } from "../common/icon.tsx";
import type { Say } from "../common/words.ts";
import type { ChatLine } from "./state.ts";

interface ListProps {
  readonly lines: readonly ChatLine[];
  readonly say: Say;
}

/** The last lines, fading upward.  Scrolls with the talk unless the reader has scrolled back. */
export function ChatList({ lines, say }: ListProps) {
  const list = useRef<HTMLDivElement>(null);
  const follow = useRef(true);
  useEffect(() => {
    if (list.current !== null && follow.current) list.current.scrollTop = list.current.scrollHeight;
  }, [lines]);
  const shown = useMemo(() => <Lines lines={lines} say={say} />, [lines, say]);
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

function Lines({ lines, say }: ListProps) {
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
        </li>
      ))}
    </>
  );
}

interface FormProps {
  readonly say: Say;
  readonly problem: string | null;
  /** Whether it left; what did not stays in the field. */
  readonly send: (text: string) => boolean | Promise<boolean>;
}

export function ChatForm({ say, send, problem }: FormProps) {
  const [text, setText] = useState("");
  return (
    <form
      class="chat-form"
      onSubmit={(event) => {
        event.preventDefault();
        const trimmed = text.trim();
        if (trimmed === "") return;
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
        placeholder={say("say_something")}
        value={text}
        aria-describedby={problem === null ? undefined : "chat-problem"}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {text.trim() !== "" && (
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
