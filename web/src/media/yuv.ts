/**
 * Planes of luma and chroma → RGBA, by the matrix and range that they were encoded with.
 *
 * Browsers convert too, but not alike: Chromium's way without a GPU is up to 12 of 255 off in saturated blue, and
 * a mask on the brink moves with less. So the arithmetic is that of FFmpeg's scaler on x86, which Python reads
 * videos with: 13 fractional bits, each term rounded down, chroma not interpolated.
 */

/** 8-bit 4:2:0, planes one after the other in `data`; NV12 has both chroma values in its second one. */
export interface Planes {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  readonly layout: readonly { readonly offset: number; readonly stride: number }[];
  readonly matrix: string | null; // of VideoColorSpace; null: not said
  readonly fullRange: boolean;
}

/** Share of red and blue in luma (ITU-T H.273). */
const MATRICES: Readonly<Record<string, readonly [red: number, blue: number]>> = {
  bt709: [0.2126, 0.0722],
  bt470bg: [0.299, 0.114],
  smpte170m: [0.299, 0.114],
  "bt2020-ncl": [0.2627, 0.0593],
};
const HIGH_DEFINITION = 720; // rows from which untagged video is taken as BT.709, as players do

/** null where the matrix is none of the usual ones. */
export function toRgba(planes: Planes): Uint8ClampedArray | null {
  const tables = tablesOf(planes);
  if (tables === null) return null;
  const { width, height, data, layout } = planes;
  const [y = LAID, u = LAID, v = LAID] = layout;
  const nv12 = layout.length === 2;
  const step = nv12 ? 2 : 1;
  const out = new Uint8ClampedArray(width * height * 4);
  for (let row = 0, o = 0; row < height; row++) {
    const luma = y.offset + row * y.stride;
    const inU = u.offset + (row >> 1) * u.stride;
    const inV = nv12 ? inU + 1 : v.offset + (row >> 1) * v.stride;
    for (let x = 0; x < width; x++, o += 4) {
      const chroma = (x >> 1) * step;
      const cu = data[inU + chroma] as number;
      const cv = data[inV + chroma] as number;
      const light = tables.luma[data[luma + x] as number] as number;
      out[o] = light + (tables.redV[cv] as number);
      out[o + 1] = light + (tables.greenU[cu] as number) + (tables.greenV[cv] as number);
      out[o + 2] = light + (tables.blueU[cu] as number);
      out[o + 3] = 255;
    }
  }
  return out;
}

const LAID = { offset: 0, stride: 0 };

interface Tables {
  readonly luma: Int32Array;
  readonly redV: Int32Array;
  readonly greenU: Int32Array;
  readonly greenV: Int32Array;
  readonly blueU: Int32Array;
}

function tablesOf({ matrix, fullRange, height }: Planes): Tables | null {
  const known = MATRICES[matrix ?? (height >= HIGH_DEFINITION ? "bt709" : "smpte170m")];
  if (known === undefined) return null;
  const [red, blue] = known;
  const green = 1 - red - blue;
  const [black, light, colour] = fullRange ? [0, 1, 1] : [16, 255 / 219, 255 / 224];
  const table = (scale: number, middle: number) => {
    const fixed = Math.round(scale * 8192);
    return Int32Array.from({ length: 256 }, (_, value) => ((value - middle) * 8 * fixed) >> 16);
  };
  return {
    luma: table(light, black),
    redV: table(2 * (1 - red) * colour, 128),
    greenU: table((-2 * blue * (1 - blue) * colour) / green, 128),
    greenV: table((-2 * red * (1 - red) * colour) / green, 128),
    blueU: table(2 * (1 - blue) * colour, 128),
  };
}

/** (height, width) as stored → as seen, turned clockwise by whole quarters, then mirrored left to right. */
export function turned(
  data: Uint8ClampedArray,
  width: number,
  height: number,
  rotation: 0 | 90 | 180 | 270,
  flip: boolean,
): Uint8ClampedArray {
  if (rotation === 0 && !flip) return data;
  const from = new Uint32Array(data.buffer, data.byteOffset, width * height);
  const to = new Uint32Array(width * height);
  const [w, h] = rotation % 180 === 0 ? [width, height] : [height, width];
  // where the stored pixel (x, y) is seen: at origin + x · along + y · down
  const steps = {
    0: [0, 1, w],
    90: [w - 1, w, -1],
    180: [w * h - 1, -1, -w],
    270: [(h - 1) * w, -w, 1],
  } as const;
  const [origin, along, down] = steps[rotation];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0, at = origin + y * down; x < width; x++, i++, at += along) to[at] = from[i] as number;
  }
  if (flip) for (let y = 0; y < h; y++) to.subarray(y * w, (y + 1) * w).reverse();
  return new Uint8ClampedArray(to.buffer);
}
