// Lighthouse over one page of each kind, as a phone. Speed depends on the machine: printed, not judged.
import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import lighthouse from "lighthouse";
import { flags } from "./flags.mjs";

const { chromium, address, pages } = JSON.parse(process.argv[2]);
const floor = { accessibility: 1, "best-practices": 0.95, seo: 0.9 };
const lesson = pages.find((p) => /^\d-\w+\/[^/]+\/$/.test(p));
const card = pages.find((p) => /^labs\/[^/]+\/$/.test(p));
const chosen = ["", "grading/", "1-foundations/", lesson, card].filter((p) => pages.includes(p));

/** Chromium with a debugging port of its own choice. */
async function start() {
  const profile = mkdtempSync(join(tmpdir(), "ladder-lighthouse-"));
  const child = spawn(chromium, [...flags, "--remote-debugging-port=0", `--user-data-dir=${profile}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const port = await new Promise((done, failed) => {
    child.stderr.on("data", (d) => {
      const found = /127\.0\.0\.1:(\d+)/.exec(d);
      if (found) done(Number(found[1]));
    });
    child.on("exit", (code) => failed(new Error(`Chromium ended with ${code}`)));
  });
  return { child, port };
}

const { child, port } = await start();
let bad = 0;
for (const path of chosen) {
  const { lhr } = await lighthouse(address + path, { port, onlyCategories: [...Object.keys(floor), "performance"], logLevel: "error" });
  const scores = Object.fromEntries(Object.values(lhr.categories).map((c) => [c.id, c.score]));
  console.log(`${path || "home"}: ${Object.entries(scores).map(([k, v]) => `${k} ${v}`).join(", ")}`);
  for (const [id, least] of Object.entries(floor)) {
    if (scores[id] >= least) continue;
    bad++;
    const lost = lhr.categories[id].auditRefs.map((r) => lhr.audits[r.id]).filter((a) => a.score !== null && a.score < 1);
    console.log(`  ${id} is under ${least}: ${lost.map((a) => a.title).join("; ")}`);
  }
}
child.removeAllListeners("exit");
child.kill();
console.log(`${chosen.length} pages, ${bad} scores too low`);
process.exit(bad ? 1 : 0);
