import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseCatalogue } from "@/models/catalogue";

const URL_OF = "https://host.example/studio/models/models.json";
const own = readFileSync(new URL("../../../models.json", import.meta.url), "utf8");
const changed = (more: object) => JSON.stringify({ ...JSON.parse(own), ...more });

describe("parseCatalogue", () => {
  it("reads ours: nano comes with the page, the SAM 2.1 family from beside it", () => {
    const { models, folder } = parseCatalogue(own, URL_OF);
    expect(models.filter((each) => each.bundled).map((each) => each.id)).toEqual(["nano"]);
    expect(models.map((each) => each.id)).toEqual(expect.arrayContaining(["sam2.1-small", "sam2.1-large"]));
    expect(folder("nano")).toBe("https://host.example/studio/models/nano/");
    expect(folder("sam2.1-base+")).toBe("https://host.example/studio/models/sam2.1-base%2B/");
  });

  it("takes models from wherever base says", () => {
    const other = parseCatalogue(changed({ base: "https://models.example/v1/" }), URL_OF);
    expect(other.folder("nano")).toBe("https://models.example/v1/nano/");
    expect(parseCatalogue(changed({ base: "../../m/" }), URL_OF).folder("nano")).toBe(
      "https://host.example/m/nano/",
    );
  });

  it.each([
    ["a page", "<!doctype html>", /not a list of models$/],
    ["another version", changed({ version: 2 }), /version/],
    [
      "an id that is a path",
      changed({ models: [{ ...JSON.parse(own).models[0], id: "../x" }] }),
      /models\.0\.id/,
    ],
  ])("refuses %s, saying where", (_, text, message) => {
    expect(() => parseCatalogue(text, URL_OF)).toThrow(message);
  });
});
