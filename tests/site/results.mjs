// Opens the pages we hand out as files, in light and dark, wide and narrow, and reports what is wrong.
// Limit: what axe cannot see (does a picture say anything?) stays with a reader.
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";
import { pathToFileURL } from "node:url";
import { flags } from "./flags.mjs";

const { chromium: executablePath, pages } = JSON.parse(process.argv[2]);
const problems = new Set();
const browser = await chromium.launch({ executablePath, args: flags });
for (const path of pages)
  for (const colorScheme of ["light", "dark"])
    for (const width of [1200, 360]) {
      const at = `${path.split("/").at(-1)} (${width} px, ${colorScheme})`;
      const wrong = (what) => problems.add(`${at}: ${what}`);
      const page = await (await browser.newContext({ colorScheme, viewport: { width, height: 800 } })).newPage();
      page.on("console", (m) => wrong(`console: ${m.text()}`));
      page.on("request", (r) => /^(file|data):/.test(r.url()) || wrong(`asks for ${r.url()}`));
      page.on("dialog", (d) => (wrong(`a dialog: ${d.message()}`), d.dismiss()));
      await page.goto(pathToFileURL(path).href, { waitUntil: "load" });
      const seen = await page.evaluate(() => {
        for (const e of document.querySelectorAll("details")) e.open = true;
        return {
          over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
          broken: [...document.images].filter((i) => !i.naturalWidth).length,
          ran: globalThis.ran ?? "",
        };
      });
      if (seen.over > 0) wrong(`scrolls sideways by ${seen.over} px`);
      if (seen.broken) wrong(`${seen.broken} broken pictures`);
      if (seen.ran) wrong(`a script ran: ${seen.ran}`);
      const { violations } = await new AxeBuilder({ page }).analyze();
      for (const v of violations)
        for (const n of v.nodes.slice(0, 3)) wrong(`axe ${v.id}: ${n.target.join(" ")} ${n.any[0]?.message ?? ""}`);
      await page.context().close();
    }
await browser.close();
for (const line of problems) console.error(line);
console.log(`${pages.length} pages in 4 looks: ${problems.size} problems`);
process.exit(problems.size ? 1 : 0);
