import { useEffect, useState } from "preact/hooks";

/** Renders again every so many milliseconds, while it is on. */
export function useTicking(on: boolean, every = 500): number {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (!on) return undefined;
    const timer = setInterval(() => setTick((value) => value + 1), every);
    return () => clearInterval(timer);
  }, [on, every]);
  return tick;
}
