// Pieces of the till's pages: sheets, amounts, keys, PINs.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { readMinor } from "../common/amounts.ts";
import { Icon } from "../common/icon.tsx";
import { money } from "./money.ts";
import type { Assistant } from "./protocol.ts";
import type { Till } from "./till.ts";

export interface Of {
  readonly till: Till;
}

export function amountText(till: Till, minor: number): string {
  return money(minor, till.currency, till.language);
}

/** A dialog over the sales screen: Escape and the cross close it. */
export function Panel({
  till,
  title,
  children,
  wide = false,
  close = () => till.show(null),
}: Of & {
  readonly title: string;
  readonly children: ComponentChildren;
  readonly wide?: boolean;
  readonly close?: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "panel wide" : "panel"}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <div class="panel-inside">
        <header class="panel-head">
          <h2>{title}</h2>
          <button type="button" class="button plain round" aria-label={till.say("close")} onClick={close}>
            <Icon name="cross" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** The amount that this text says, or what is wrong with it. */
export function readAmount(till: Till, text: string): { value: number | null; problem: string } {
  if (text.trim() === "") return { value: null, problem: "" };
  const read = readMinor(text, till.currency, ".");
  if ("value" in read) return { value: read.value, problem: "" };
  if ("smaller" in read)
    return {
      value: null,
      problem: till.say("amount_either", { smaller: read.smaller, larger: read.larger }),
    };
  return { value: null, problem: till.say("amount_unreadable") };
}

export function AmountField({
  till,
  label,
  text,
  change,
  hint = "",
  focus = false,
}: Of & {
  readonly label: string;
  readonly text: string;
  readonly change: (text: string) => void;
  readonly hint?: string;
  readonly focus?: boolean;
}) {
  const { problem } = readAmount(till, text);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (focus) field.current?.focus();
  }, [focus]);
  return (
    <label class="field">
      <span class="label">{label}</span>
      <input
        ref={field}
        class="amount num"
        inputMode="decimal"
        autocomplete="off"
        value={text}
        placeholder={amountText(till, 0)}
        aria-invalid={problem !== ""}
        onInput={(event) => change(event.currentTarget.value)}
      />
      {problem !== "" && <span class="error">{problem}</span>}
      {hint !== "" && problem === "" && <span class="hint">{hint}</span>}
    </label>
  );
}

export function TextField({
  label,
  text,
  change,
  type = "text",
  most = 200,
  focus = false,
}: {
  readonly label: string;
  readonly text: string;
  readonly change: (text: string) => void;
  readonly type?: string;
  readonly most?: number;
  readonly focus?: boolean;
}) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (focus) field.current?.focus();
  }, [focus]);
  return (
    <label class="field">
      <span class="label">{label}</span>
      <input
        ref={field}
        type={type}
        maxLength={most}
        autocomplete="off"
        value={text}
        onInput={(event) => change(event.currentTarget.value)}
      />
    </label>
  );
}

/** Large keys under a thumb, for whoever has no keyboard. */
export function Keys({
  till,
  press,
  point = true,
}: Of & { readonly press: (change: (text: string) => string) => void; readonly point?: boolean }) {
  const keys = ["1", "2", "3", "4", "5", "6", "7", "8", "9", point ? "." : "", "0", "back"];
  return (
    <div class="keys">
      {keys.map((key) =>
        key === "" ? (
          <span key="none" />
        ) : (
          <button
            key={key}
            type="button"
            class="button key num"
            aria-label={key === "back" ? till.say("backspace") : key}
            onClick={() => press((text) => (key === "back" ? text.slice(0, -1) : text + key))}
          >
            {key === "back" ? <Icon name="back" /> : key}
          </button>
        ),
      )}
    </div>
  );
}

export function PinPad({
  till,
  label,
  button = "pin_enter",
  done,
}: Of & {
  readonly label: string;
  readonly button?: string;
  readonly done: (pin: string) => Promise<boolean>;
}) {
  const [pin, setPin] = useState("");
  const [wrong, setWrong] = useState(false);
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const send = async () => {
    if (busy || pin.length < 4) return;
    setBusy(true);
    const good = await done(pin);
    setBusy(false);
    setPin("");
    setWrong(!good);
    if (!good) field.current?.focus();
  };
  return (
    <form
      class="pin-pad"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <label class="field">
        <span class="label">{label}</span>
        <input
          ref={field}
          type="password"
          inputMode="numeric"
          autocomplete="off"
          maxLength={12}
          class="pin num"
          value={pin}
          aria-invalid={wrong}
          onInput={(event) => {
            setWrong(false);
            setPin(event.currentTarget.value.replace(/\D/g, ""));
          }}
        />
        {wrong && (
          <span class="error" role="alert">
            {till.locked ? till.say("pin_locked") : till.say("pin_wrong")}
          </span>
        )}
      </label>
      <Keys till={till} point={false} press={(change) => setPin((text) => change(text).slice(0, 12))} />
      <button type="submit" class="button main wide" disabled={pin.length < 4 || busy} aria-busy={busy}>
        {till.say(button)}
      </button>
    </form>
  );
}

/** Somebody with the right says yes by a PIN. */
export function Approval({
  till,
  right,
  done,
}: Of & { readonly right: string; readonly done: (by: Assistant) => void }) {
  return (
    <PinPad
      till={till}
      label={till.say("pin_manager")}
      button="pin_confirm"
      done={async (pin) => {
        const by = await till.approve(pin, right);
        if (by !== null) done(by);
        return by !== null;
      }}
    />
  );
}

export function Choice<T extends string>({
  label,
  options,
  chosen,
  choose,
}: {
  readonly label: string;
  readonly options: readonly (readonly [T, string])[];
  readonly chosen: T;
  readonly choose: (value: T) => void;
}) {
  return (
    <fieldset class="pick">
      <legend class="label">{label}</legend>
      <div class="pick-row">
        {options.map(([value, text]) => (
          <button
            key={value}
            type="button"
            class="button"
            aria-pressed={chosen === value}
            onClick={() => choose(value)}
          >
            {text}
          </button>
        ))}
      </div>
    </fieldset>
  );
}

export function Stepper({
  till,
  value,
  least,
  most,
  change,
  label,
}: Of & {
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly change: (value: number) => void;
  readonly label: string;
}) {
  return (
    <div class="steps">
      <button
        type="button"
        class="button round"
        aria-label={till.say("fewer")}
        disabled={value <= least}
        onClick={() => change(value - 1)}
      >
        <Icon name="minus" />
      </button>
      <input
        class="num"
        inputMode="numeric"
        aria-label={label}
        value={String(value)}
        onChange={(event) => {
          const read = Number(event.currentTarget.value);
          const fits = Number.isInteger(read) && read >= least && read <= most;
          if (fits) change(read);
          else event.currentTarget.value = String(value);
        }}
      />
      <button
        type="button"
        class="button round"
        aria-label={till.say("more")}
        disabled={value >= most}
        onClick={() => change(value + 1)}
      >
        <Icon name="plus" />
      </button>
    </div>
  );
}
