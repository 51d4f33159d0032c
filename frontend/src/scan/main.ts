// Tick all rows of a list; read barcodes with the camera where the browser can.  Without either, fields are typed into,
// and a keyboard scanner types and presses Enter.

type Found = { rawValue: string };
type Detector = { detect(source: HTMLVideoElement): Promise<Found[]> };
type DetectorClass = {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
};

const wanted = ["code_128", "code_39", "ean_13", "ean_8", "upc_a", "upc_e", "itf", "qr_code"];

for (const all of document.querySelectorAll<HTMLInputElement>("input[data-ticks]")) {
  all.addEventListener("change", () => {
    const name = all.dataset.ticks ?? "";
    for (const box of all.form?.querySelectorAll<HTMLInputElement>(`input[name="${name}"]`) ?? []) {
      box.checked = all.checked;
    }
  });
}

const Barcodes = (window as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
if (Barcodes && navigator.mediaDevices) void offer(Barcodes);

async function offer(known: DetectorClass): Promise<void> {
  const formats = (await known.getSupportedFormats()).filter((format) => wanted.includes(format));
  if (!formats.length) return;
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-scan]")) {
    button.hidden = false;
    button.addEventListener("click", () => void look(button, new known({ formats })));
  }
}

async function look(button: HTMLButtonElement, detector: Detector): Promise<void> {
  const field = document.querySelector<HTMLInputElement>(`#${button.dataset.scan}`);
  if (!field) return;
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    field.focus();
    return;
  }
  const video = document.createElement("video");
  video.playsInline = true;
  video.muted = true;
  video.srcObject = stream;
  const dialog = document.createElement("dialog");
  dialog.append(video);
  dialog.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    for (const track of stream.getTracks()) track.stop();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  await video.play();
  while (dialog.open) {
    const [found] = await detector.detect(video).catch(() => []);
    if (found?.rawValue) {
      field.value = found.rawValue;
      dialog.close();
      if (field.name === "code") field.form?.requestSubmit();
      else field.focus();
      return;
    }
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}

/** <details data-open-wide>: what a phone folds away stands open where there is room. */
if (matchMedia("(min-width: 56rem)").matches) {
  for (const folded of document.querySelectorAll<HTMLDetailsElement>("details[data-open-wide]"))
    folded.open = true;
}
