// Scanning with the camera, where the browser reads barcodes itself.

import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../common/icon.tsx";
import { type Of, Panel } from "./parts.tsx";

type Detector = { detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]> };
type DetectorClass = {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
};
const WANTED = ["ean_13", "ean_8", "upc_a", "upc_e", "code_128", "code_39", "itf", "qr_code"];

export function CameraSheet({ till }: Of) {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let stream: MediaStream | null = null;
    let over = false;
    const look = async () => {
      const Known = (window as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
      const formats = (await Known?.getSupportedFormats().catch(() => []))?.filter((each) =>
        WANTED.includes(each),
      );
      if (Known === undefined || !formats?.length) return setProblem("camera_no_detector");
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      } catch {
        return setProblem("camera_not_allowed");
      }
      if (over || video.current === null) return stop();
      video.current.srcObject = stream;
      await video.current.play();
      const detector = new Known({ formats });
      let last = "";
      while (!over && video.current !== null) {
        const [found] = await detector.detect(video.current).catch(() => []);
        if (found?.rawValue && found.rawValue !== last) {
          last = found.rawValue;
          navigator.vibrate?.(60);
          till.scan(found.rawValue);
        } else if (!found) last = "";
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    };
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    void look();
    return () => {
      over = true;
      stop();
    };
  }, [till]);
  return (
    <Panel till={till} title={till.say("scan")}>
      {problem === "" ? (
        <video ref={video} class="camera" playsInline muted />
      ) : (
        <p class="till-empty">
          <Icon name="camera" big />
          {till.say(problem)}
        </p>
      )}
      <p class="soft small">{till.say("camera_text")}</p>
    </Panel>
  );
}
