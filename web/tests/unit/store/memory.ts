import type { Size } from "@/core/types";
import { type BlockFile, MemoryFile } from "@/store/file";
import { Log } from "@/store/log";
import { ResultStore } from "@/store/store";

export function memoryFiles(): [MemoryFile, MemoryFile] {
  return [new MemoryFile(), new MemoryFile()];
}

export function memoryStore(
  size: Size,
  files: readonly [BlockFile, BlockFile] = memoryFiles(),
  cap?: number,
): ResultStore {
  const store = new ResultStore(new Log(files, "owner"), size, cap);
  store.use("00000001", 4);
  return store;
}
