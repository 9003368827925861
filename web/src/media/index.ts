/** Which frames a video has, when each is shown, and where decoding can begin. Frame numbers only. */

/** The frames of one video in presentation order; made from its packets, as headers lie about the number. */
export class VideoIndex {
  readonly times: Float64Array; // (frames) seconds as the file has them, strictly rising
  private readonly keys: Int32Array; // frames that decoding can begin at, rising

  constructor(times: Float64Array, keys: Int32Array) {
    this.times = times;
    this.keys = keys;
  }

  /** Packets in any order; what lies before the file's zero is decoded but never shown. */
  static of(packets: readonly { readonly timestamp: number; readonly key: boolean }[]): VideoIndex {
    const shown = packets.filter((packet) => packet.timestamp > -HAIR);
    const sorted = [...shown].sort((a, b) => a.timestamp - b.timestamp);
    const single = sorted.filter((packet, i) => i === 0 || packet.timestamp - at(sorted, i - 1) > HAIR);
    const keys = single.flatMap((packet, i) => (packet.key ? [i] : []));
    return new VideoIndex(
      Float64Array.from(single, (packet) => packet.timestamp),
      Int32Array.from(keys),
    );
  }

  get count(): number {
    return this.times.length;
  }

  /** Seconds of each frame from the first one. */
  fromFirst(): Float64Array {
    const first = this.times[0] ?? 0;
    return this.times.map((time) => time - first);
  }

  /** The frame whose time is the closest. */
  position(time: number): number {
    const after = Math.min(lowerBound(this.times, time), this.count - 1);
    const before = Math.max(0, after - 1);
    const nearer = Math.abs((this.times[before] ?? 0) - time) < Math.abs((this.times[after] ?? 0) - time);
    return nearer ? before : after;
  }

  /** The last frame at or before `index` that decoding can begin at; 0 is the file's beginning. */
  keyBefore(index: number): number {
    const after = lowerBound(this.keys, index + 1);
    return after > 0 ? (this.keys[after - 1] ?? 0) : 0;
  }

  /** Whether the frames come at unequal distances: by more than a rounded time explains. */
  get isVariable(): boolean {
    const steps = Array.from(this.times.subarray(1), (time, i) => time - (this.times[i] ?? 0)).sort(
      (a, b) => a - b,
    );
    const middle = steps[steps.length >> 1];
    if (middle === undefined) return false;
    return steps.some((step) => Math.abs(step - middle) > Math.max(0.002, middle * 0.1));
  }

  /** Seconds from the first frame until the last one's picture goes away. */
  get duration(): number {
    const n = this.count;
    if (n < 2) return 0;
    const whole = (this.times[n - 1] ?? 0) - (this.times[0] ?? 0);
    return whole + whole / (n - 1);
  }
}

const HAIR = 1e-6; // seconds: less than any tick of a clock

function at(sorted: readonly { readonly timestamp: number }[], i: number): number {
  return sorted[i]?.timestamp ?? Number.NEGATIVE_INFINITY;
}

/** The first position whose value is not below `value`. */
export function lowerBound(values: Float64Array | Int32Array, value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
