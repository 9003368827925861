/** What a bench has measured, as a table and as a file. */

import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "@playwright/test";

export const HERE = fileURLToPath(new URL(".", import.meta.url));
export const PYTHON = process.env.PYTHON ?? join(HERE, "../../.venv/bin/python");

export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly wanted: string;
  readonly reached: boolean;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** wanted: "" for a number that nothing is asked of. */
export function row(what: string, value: number, unit: string, wanted = "", reached = true): Row {
  return { what, value, unit, wanted, reached };
}

/** Prints, writes `out/NAME.json`, and fails where something was missed. */
export function report(name: string, rows: readonly Row[], engine: string, browser: string): void {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "processor"}`;
  const lines = rows.map(({ what, value, unit, wanted, reached }) => {
    const number = value.toFixed(Math.abs(value) < 100 ? 1 : 0).padStart(8);
    return `${what.padEnd(46)}${number} ${unit.padEnd(9)} ${wanted.padEnd(6)} ${wanted && (reached ? "reached" : "MISSED")}`;
  });
  console.log(`\n${engine}\n${browser}\n${machine}\n\n${lines.join("\n")}\n`);
  const out = join(HERE, "out");
  mkdirSync(out, { recursive: true });
  writeFileSync(
    join(out, `${name}.json`),
    `${JSON.stringify({ engine, browser, machine, rows }, null, 2)}\n`,
  );
  expect(rows.filter((each) => !each.reached).map((each) => each.what)).toEqual([]);
}
