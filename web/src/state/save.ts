/** Hands a file to the person: where the browser puts its downloads. */
export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replace(/[\\/:*?"<>|]/g, "-");
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Asks for files with the browser's dialog; none if it is closed. */
export function choose(
  options: { readonly accept?: string; readonly folder?: boolean } = {},
): Promise<File[]> {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  if (options.accept !== undefined) input.accept = options.accept;
  if (options.folder === true) input.webkitdirectory = true;
  return new Promise((done) => {
    input.addEventListener("change", () => done([...(input.files ?? [])]));
    input.addEventListener("cancel", () => done([]));
    input.click();
  });
}
