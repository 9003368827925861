/** What can be taken away: the rows that the page shows and the worker writes by. */

export interface Format {
  readonly key: string;
  readonly title: string;
  readonly about: string; // one line
  readonly suffix: string; // of the file's name
  readonly type: string; // MIME
  /** Whether feather and invert change it. */
  readonly soft: boolean;
  /** Whether it can have each object's masks on their own, or joined. */
  readonly apart?: boolean;
  /** Whether it makes sense of a single picture. */
  readonly stills: boolean;
}

export const FORMATS: readonly Format[] = [
  {
    key: "png",
    title: "PNG sequence",
    about: "Black-and-white masks, a picture per frame, in a zip",
    suffix: "-masks.zip",
    type: "application/zip",
    soft: true,
    apart: true,
    stills: true,
  },
  {
    key: "cutout",
    title: "PNG cut-outs",
    about: "The object on transparency, a picture per frame, in a zip",
    suffix: "-cutout.zip",
    type: "application/zip",
    soft: true,
    stills: true,
  },
  {
    key: "webm",
    title: "WebM with alpha",
    about: "VP9 with transparency, for browsers and editors",
    suffix: "-alpha.webm",
    type: "video/webm",
    soft: true,
    stills: false,
  },
  {
    key: "mp4",
    title: "MP4, mask applied",
    about: "H.264, the object on black, with the clip's sound",
    suffix: "-masked.mp4",
    type: "video/mp4",
    soft: true,
    stills: false,
  },
  {
    key: "matte",
    title: "MP4 matte",
    about: "H.264 of the mask itself, white on black, for compositing",
    suffix: "-matte.mp4",
    type: "video/mp4",
    soft: true,
    stills: false,
  },
  {
    key: "rle_json",
    title: "COCO RLE, JSON",
    about: "Run-length codes of every frame and object",
    suffix: "-masks.json",
    type: "application/json",
    soft: false,
    stills: true,
  },
  {
    key: "coco_rle",
    title: "COCO instances",
    about: "Images, annotations and categories, with exact masks",
    suffix: "-coco.json",
    type: "application/json",
    soft: false,
    stills: true,
  },
];
