// Uses the formgrader as an instructor would: opens it, grades a written answer, comments.
// node formgrader.mjs CHROMIUM BASE TOKEN LAB LEARNER SCREENSHOT; prints what it saw as JSON.
import { chromium } from "playwright-core";
import { flags } from "./flags.mjs";

const [executablePath, base, token, lab, learner, screenshot] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: flags });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const requested = [];
page.on("request", (request) => requested.push(request.url()));

// Types into a field, leaves it, and waits until the formgrader has stored what was typed.
async function saved(kind, field, text) {
  const stored = page.waitForResponse(
    (answer) =>
      answer.url().includes(`/formgrader/api/${kind}/`) && answer.request().method() === "PUT",
  );
  await field.fill(text);
  await field.blur();
  await stored;
}

try {
  await page.goto(`${base}/formgrader/?token=${token}`);
  await page.getByText(lab, { exact: true }).first().waitFor();
  const list = await page.request.get(`${base}/formgrader/api/submitted_notebooks/${lab}/lab`);
  const one = (await list.json()).find((row) => row.student === learner);
  await page.goto(`${base}/formgrader/submissions/${one.id}/`);
  await page.waitForLoadState("networkidle"); // the page has then read the grades it will change
  await saved("grade", page.locator("input.score").last(), "2");
  await saved("comment", page.locator("textarea.comment").last(), "Half of it is well argued.");
  await page.screenshot({ path: screenshot, fullPage: true });
  const seen = await page.evaluate(() => ({
    pwned: window.PWNED ?? null,
    text: document.body.innerText,
    scores: [...document.querySelectorAll("input.score")].map((input) => input.placeholder || input.value),
  }));
  console.log(JSON.stringify({ ...seen, requested }));
} finally {
  await browser.close();
}
