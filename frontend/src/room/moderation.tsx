// What staff does to a line, in the room itself.

import { useState } from "preact/hooks";
import type { RoomModel } from "./model.ts";
import type { ChatLine } from "./state.ts";

// As `chat.Reason` has them: there is none for what somebody does not like.
const REASONS = [
  "spam",
  "link",
  "off_platform",
  "insult",
  "hate",
  "illegal",
  "personal_data",
  "impersonation",
  "repeated",
  "blocked_word",
] as const;

interface Props {
  readonly model: RoomModel;
  readonly line: ChatLine;
  readonly pinned: boolean;
}

export function Moderation({ model, line, pinned }: Props) {
  const { say } = model;
  const [reason, setReason] = useState<string>(REASONS[0]);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const act = async (method: string, path: string, body?: object) => {
    setBusy(true);
    const why = await model.moderate(method, path, body);
    setBusy(false);
    setProblem(why);
    if (why === null) model.open({ is: "none" });
  };
  const isShopper = line.role === "viewer" || line.role === "buyer";
  const answered = line.answered != null;
  return (
    <div class="stack">
      <p>
        <b>{line.name || say("guest")}</b> {line.text}
      </p>
      <p class="row">
        <button
          type="button"
          class="button"
          disabled={busy}
          onClick={() =>
            pinned
              ? void act("DELETE", `shows/${model.view.state.show.id}/pinned`)
              : void act("POST", `lines/${line.id}/pin`)
          }
        >
          {say(pinned ? "act.unpin" : "act.pin")}
        </button>
        {isShopper && (
          <button
            type="button"
            class="button"
            disabled={busy}
            onClick={() =>
              void act(answered ? "DELETE" : "POST", `lines/${line.id}/answered`, answered ? undefined : {})
            }
          >
            {say(answered ? "act.not_answered" : "act.answered")}
          </button>
        )}
      </p>
      {isShopper && (
        <>
          <div class="field">
            <label for="why">{say("act.why")}</label>
            <select id="why" value={reason} onChange={(event) => setReason(event.currentTarget.value)}>
              {REASONS.map((one) => (
                <option key={one} value={one}>
                  {say(`reason.${one}`)}
                </option>
              ))}
            </select>
          </div>
          <p class="row">
            <button
              type="button"
              class="button danger"
              disabled={busy}
              onClick={() => void act("POST", `lines/${line.id}/hide`, { reason })}
            >
              {say("act.hide")}
            </button>
            <button
              type="button"
              class="button danger"
              disabled={busy}
              onClick={() => void act("POST", `lines/${line.id}/hide`, { reason, mute_minutes: 10 })}
            >
              {say("act.hide_mute")}
            </button>
          </p>
        </>
      )}
      {problem !== null && (
        <p class="note bad" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
