import { useEffect, useState } from "preact/hooks";

/**
 * A part of the page that is fetched once the page is drawn; undefined until it is there.
 *
 * What could not be fetched is fetched again when it is `wanted`; some browsers remember that a script failed, and
 * only a new page helps.
 */
export function useLater<T>(load: () => Promise<T>, wanted: boolean): T | undefined {
  const [part, setPart] = useState<{ readonly is: T | undefined }>();
  const isMissing = part !== undefined && part.is === undefined;
  useEffect(() => {
    if (part?.is !== undefined || (isMissing && !wanted)) return;
    load().then(
      (is) => setPart({ is }),
      () => (isMissing ? location.reload() : setPart({ is: undefined })),
    );
  }, [isMissing, wanted]);
  return part?.is;
}
