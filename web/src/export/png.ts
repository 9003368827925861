/** PNG pictures (ISO 15948) of masks and cut-outs, in a zip that is written as it goes. */

import { Zip, ZipPassThrough, zlibSync } from "fflate";
import { SplitmaskError } from "@/core/errors";
import type { Size } from "@/core/types";
import { crc32 } from "@/store/records";
import { alphaOf, frameName, framesOf, type Job, labelsOf, masksOf, type Source } from "./base";
import { Pictures } from "./pictures";

const LARGEST = 0xffff_ffff; // bytes of a zip without extensions
const GREY = 0;
const RGBA = 6;

/** `000012.png` where objects are joined, else `<object>/000012.png`; a frame without a mask is black. */
export async function writePngs(source: Source, job: Job): Promise<Blob> {
  const { clip } = source;
  const zip = new ZipWriter();
  const apart = job.request.objects.length > 0 && job.request.joined !== true;
  for await (const frame of framesOf(source, job)) {
    const masks = masksOf(source, job, frame);
    const name = `${frameName(clip, frame)}.png`;
    if (!apart) zip.add(name, encodePng(alphaOf(masks.values(), clip, job), clip, GREY));
    else {
      for (const { id } of labelsOf(job)) {
        const mask = masks.get(id);
        const alpha = alphaOf(mask === undefined ? [] : [mask], clip, job);
        zip.add(`${id}/${name}`, encodePng(alpha, clip, GREY));
      }
    }
  }
  return zip.close();
}

/** The picture with the mask as its transparency. */
export async function writeCutouts(source: Source, job: Job): Promise<Blob> {
  const { clip } = source;
  const zip = new ZipWriter();
  const pictures = new Pictures(clip);
  try {
    for await (const frame of framesOf(source, job)) {
      const { data } = await pictures.at(frame);
      const alpha = alphaOf(masksOf(source, job, frame).values(), clip, job);
      for (let i = 0; i < alpha.length; i++) data[i * 4 + 3] = alpha[i] as number;
      zip.add(`${frameName(clip, frame)}.png`, encodePng(new Uint8Array(data.buffer), clip, RGBA));
    }
    return zip.close();
  } finally {
    await pictures.close();
  }
}

class ZipWriter {
  private bytes = 0;
  private readonly parts: BlobPart[] = [];
  private readonly zip = new Zip((error, chunk) => {
    if (error) throw error;
    this.parts.push(chunk as Uint8Array<ArrayBuffer>);
    if (this.parts.length >= 64) this.parts.splice(0, this.parts.length, new Blob(this.parts)); // out of the heap
  });

  add(name: string, data: Uint8Array): void {
    this.bytes += data.length + 256; // and what the archive says of it, twice
    if (this.bytes > LARGEST) {
      throw new SplitmaskError(
        "media.too-large",
        "the zip would be larger than 4 GB: take fewer frames at a time",
      );
    }
    const file = new ZipPassThrough(name); // PNG is compressed already
    this.zip.add(file);
    file.push(data, true);
  }

  close(): Blob {
    this.zip.end();
    return new Blob(this.parts, { type: "application/zip" });
  }
}

/** 8 bits a channel, no filter: masks are long stretches of one value, which deflate likes as they are. */
export function encodePng(
  data: Uint8Array,
  { width, height }: Size,
  kind: typeof GREY | typeof RGBA,
): Uint8Array {
  const row = data.length / height;
  const raw = new Uint8Array(height * (row + 1));
  for (let y = 0; y < height; y++) raw.set(data.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, kind, 0, 0, 0], 8);
  const chunks = [
    chunk("IHDR", header),
    chunk("IDAT", zlibSync(raw, { level: 3 })),
    chunk("IEND", new Uint8Array(0)),
  ];
  return joined([Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), ...chunks]);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
