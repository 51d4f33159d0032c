// What rises from below: a dialog at the foot of the screen.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../common/icon.tsx";
import type { Say } from "../common/words.ts";

interface Props {
  readonly title: string;
  readonly say: Say;
  readonly close: () => void;
  readonly children: ComponentChildren;
}

export function Sheet({ title, say, close, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const leaving = useRef(false);
  useEffect(() => {
    const element = dialog.current;
    if (element === null) return undefined;
    if (!element.open) element.showModal();
    // A sheet that makes way for another gives the focus back first, so that the other can do so in its turn.
    return () => {
      leaving.current = true;
      element.close();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself
    <dialog
      class="sheet"
      ref={dialog}
      aria-label={title}
      // The browser says that a dialog is closed a moment later: by then the same sheet may have been asked for again.
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClose={() => {
        if (!leaving.current) close();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) close();
      }}
    >
      <div class="sheet-body">
        <header>
          <h2>{title}</h2>
          <button type="button" class="button plain round" aria-label={say("close")} onClick={close}>
            <Icon name="cross" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
