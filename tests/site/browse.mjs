// Visits every page in light and dark, wide and narrow, and reports what a visitor would stumble over.
// Limit: what axe cannot see (does the alternative text say anything?) stays with a reader.
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";
import { flags } from "./flags.mjs";

const { chromium: executablePath, address, pages } = JSON.parse(process.argv[2]);
const looks = [
  { name: "wide light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "wide dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "narrow light", colorScheme: "light", viewport: { width: 360, height: 780 } },
  { name: "narrow dark", colorScheme: "dark", viewport: { width: 360, height: 780 } },
];
const problems = new Set();
const ids = new Map(); // page -> ids on it
const links = new Map(); // link -> a page that has it
const wrong = (where, what) => problems.add(`${where || "home"}: ${what}`);

/** A tab that reports foreign requests, failed ones and anything on the console. */
async function watched(browser) {
  const page = await (await browser.newContext({ reducedMotion: "reduce" })).newPage();
  const here = () => page.url().replace(address, "/");
  await page.route("**/*", (route) => {
    const url = route.request().url();
    if (url.startsWith(address) || /^(data|blob):/.test(url)) return route.continue();
    wrong(here(), `asks ${new URL(url).host} for something`);
    return route.abort();
  });
  page.on("console", (m) => m.type() === "error" && wrong(here(), `console: ${m.text()}`));
  page.on("pageerror", (e) => wrong(here(), `script: ${e.message}`));
  page.on("response", (r) => r.status() >= 400 && wrong(here(), `${r.status()} for ${r.url().replace(address, "/")}`));
  return page;
}

/** The loaded page in another size and scheme, when its style has settled. */
async function dress(page, look) {
  await page.setViewportSize(look.viewport);
  await page.emulateMedia({ colorScheme: look.colorScheme, reducedMotion: "reduce" });
  const scheme = look.colorScheme === "dark" ? "slate" : "default";
  await page.locator(`body[data-md-color-scheme="${scheme}"]`).waitFor({ timeout: 5000 });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** What axe finds, one line for each rule and element. */
async function axe(page, path, look) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  for (const v of violations)
    for (const n of v.nodes.slice(0, 3)) wrong(`${path || "home"} (${look.name})`, `axe ${v.id}: ${n.target.join(" ")} ${n.any[0]?.message ?? ""}`);
}

/** Width, fonts and pictures; and the page's links and ids for later. */
async function look_at(page, path, look) {
  const seen = await page.evaluate(() => ({
    over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    font: document.fonts.check('800 20px "Bricolage Grotesque"') && document.fonts.check('20px "Source Serif 4"'),
    broken: [...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.src),
    title: document.title,
    mains: document.querySelectorAll("h1").length,
    ids: [...document.querySelectorAll("[id]")].map((e) => e.id),
    links: [...document.querySelectorAll("a[href]")].map((a) => a.href),
  }));
  const at = `${path || "home"} (${look.name})`;
  if (seen.over > 0) wrong(at, `scrolls sideways by ${seen.over} px`);
  if (!seen.font) wrong(at, "the vendored fonts are not used");
  if (!seen.title) wrong(at, "has no title");
  if (seen.mains !== 1) wrong(at, `has ${seen.mains} main headings`);
  for (const src of seen.broken) wrong(at, `picture ${src} is broken`);
  ids.set(path, new Set(seen.ids));
  for (const link of seen.links) links.set(link, path);
}

/** Every link within the site leads to a page, and to an id on it. */
function check_links() {
  for (const [link, path] of links) {
    if (!link.startsWith(address)) continue;
    const [target, anchor] = link.slice(address.length).split("#");
    const page = target.replace(/index\.html$/, "").replace(/\?.*$/, "");
    if (!ids.has(page)) wrong(path, `links to /${target}, which is no page`);
    else if (anchor && !anchor.startsWith("__") && !ids.get(page).has(decodeURIComponent(anchor)))
      wrong(path, `links to /${target}#${anchor}, which is no place`);
  }
}

const focused = (page) =>
  page.evaluate(() => {
    const e = document.activeElement;
    const s = getComputedStyle(e);
    return {
      what: e.className || e.tagName,
      search: e.matches(".md-search__input"),
      main: !!e.closest("main .md-content"),
      shown: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0,
    };
  });

/** Tab reaches search and the text, shows where it is, and the first stop skips the header. */
async function keyboard(page) {
  await page.keyboard.press("Tab");
  const first = await focused(page);
  if (!/md-skip/.test(first.what)) wrong("keyboard", `the first stop is ${first.what}, not the skip link`);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  const next = await focused(page);
  if (!next.main) wrong("keyboard", `after the skip link comes ${next.what}, which is not in the text`);
  await page.reload();
  const seen = { search: false, main: false };
  for (let i = 0; i < 40 && !(seen.search && seen.main); i++) {
    await page.keyboard.press("Tab");
    const now = await focused(page);
    if (!now.shown && !now.search) wrong("keyboard", `stop ${i + 1}, ${now.what}, does not show that it has the focus`);
    seen.search ||= now.search;
    seen.main ||= now.main;
  }
  for (const [what, was] of Object.entries(seen)) if (!was) wrong("keyboard", `40 stops do not reach ${what}`);
}

/** Search answers from this machine. It listens only when its index is read, so ask more than once. */
async function search(page) {
  await page.reload({ waitUntil: "load" });
  const input = page.locator(".md-search__input");
  const hit = page.locator(".md-search-result__link").first();
  if (!(await input.count())) return wrong("search", "there is no search field");
  for (let i = 0; i < 10; i++) {
    await page.keyboard.press("/");
    if (await input.evaluate((e) => e === document.activeElement)) {
      await input.fill("");
      await page.keyboard.type("parcels", { delay: 30 });
    }
    if (await hit.waitFor({ timeout: 3000 }).then(() => true, () => false)) return;
  }
  wrong("search", "finds nothing for 'parcels', or / does not open it");
}

const browser = await chromium.launch({ executablePath, args: flags });
const page = await watched(browser);
for (const path of pages) {
  await page.goto(address + path, { waitUntil: "load" });
  await page.evaluate(() => document.fonts.ready);
  for (const look of looks) {
    await dress(page, look);
    await look_at(page, path, look);
    await axe(page, path, look);
  }
}
await page.goto(address, { waitUntil: "load" });
await dress(page, looks[0]);
await keyboard(page);
await search(page);
await axe(page, "search results", looks[0]);
await browser.close();
check_links();
for (const problem of [...problems].sort()) console.log(problem);
console.log(`${pages.length} pages, ${looks.length} looks each, ${links.size} links: ${problems.size} problems`);
process.exit(problems.size ? 1 : 0);
