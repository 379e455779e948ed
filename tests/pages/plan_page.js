// plan_page.js: the page of `amal explain --html` in a browser: node plan_page.js CHROMIUM PAGE [NAME=VALUE...]
//
// Looks at it on a desk and on a phone, light and dark: it loads nothing, no script fails, nothing is wider than the window,
// texts can be read on what is behind them, everything in the data is shown, and keys do what the page says they do.
// Values: trainings=N, profile=yes. Needs playwright-core (NODE_PATH). The last line is `N passed, N failed`.
"use strict";
const { chromium } = require("playwright-core");
const [, , executable, page_file, ...rest] = process.argv;
const wanted = Object.fromEntries(rest.map((r) => r.split("=")));
let passed = 0, failed = 0;
function check(name, ok, more) {
  if (ok) passed++;
  else {
    failed++;
    console.log(`FAILED  ${name}${more === undefined ? "" : `: ${JSON.stringify(more)}`}`);
  }
}

/* Texts whose contrast with their background is under 4.5, by the formula of WCAG 2. */
function faint() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (c) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = c;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((x) => x / 255);
  };
  const light = (c) => c.slice(0, 3).map((x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)).reduce((a, x, i) => a + x * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    let out = null;
    const layers = [];
    for (; e; e = e.parentElement) {
      const c = rgba(getComputedStyle(e).backgroundColor);
      if (c[3] > 0) layers.push(c);
      if (c[3] === 1) break;
    }
    for (const c of layers.reverse()) out = out ? out.map((x, i) => (i < 3 ? x * (1 - c[3]) + c[i] * c[3] : 1)) : c;
    return out || [1, 1, 1, 1];
  };
  const bad = new Set();
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length || e.closest("script, style, noscript")) continue;
    const style = getComputedStyle(e), fg = rgba(e.closest("svg") ? style.fill : style.color), bg = behind(e);
    const [a, b] = [light(fg), light(bg)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.add(`${e.tagName}.${e.getAttribute("class")}: ${e.textContent.slice(0, 30)}`);
  }
  return [...bad];
}

async function look(browser, width, scheme) {
  const name = `${width} ${scheme}`, said = [], loads = [];
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme: scheme, reducedMotion: "reduce" });
  page.on("pageerror", (e) => said.push(e.message));
  page.on("console", (m) => said.push(m.text()));
  page.on("request", (r) => loads.push(r.url()));
  page.on("dialog", (d) => said.push(`dialog ${d.message()}`) && d.dismiss());
  await page.goto(`file://${page_file}`);
  await page.waitForSelector("html[data-ready]", { timeout: 20000, state: "attached" });
  check(`${name}: no script fails`, said.length === 0, said);
  check(`${name}: nothing is loaded`, loads.filter((u) => !u.startsWith("data:")).length === 1, loads);
  check(`${name}: as wide as the window`, await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
  check(`${name}: theme`, (await page.evaluate(() => document.documentElement.dataset.theme)) === scheme);
  const unreadable = await page.evaluate(faint);
  check(`${name}: contrast`, unreadable.length === 0, unreadable.slice(0, 6));
  return page;
}

async function contents(page) {
  const plan = await page.evaluate(() => JSON.parse(document.getElementById("plan").textContent));
  const count = (selector) => page.locator(selector).count();
  check("trainings in the data", plan.trainings.length === Number(wanted.trainings), plan.trainings.length);
  check("a section each", (await count("main > section")) === 2 + plan.targets.length + plan.trainings.length);
  check("each is in the list of sections", (await count("nav a")) === (await count("main > section")));
  check("each drawing says what it is", (await count("main svg[role=img][aria-label]")) === (await count("main svg")));
  check("ids are unique", await page.evaluate(() => { const ids = [...document.querySelectorAll("[id]")].map((e) => e.id); return new Set(ids).size === ids.length; }));
  const target = plan.targets[0];
  check("a card a source", (await count("#target-0 .grid .card")) === target.sources.length);
  const origins = target.columns.flatMap((c) => c.origins.flatMap((o) => o.reads)).length;
  check("a line each column's origin", (await count("#target-0 svg path.link")) === origins, origins);
  check("computed ones are dashed", (await count("#target-0 svg path.link[stroke-dasharray]")) === target.columns.flatMap((c) => c.origins.filter((o) => o.computed).flatMap((o) => o.reads)).length);
  check("a line each join", (await count("#target-0 svg path.join")) === target.joins.length);
  check("an indicator each source", (await count("#target-0 .figures figure")) === target.sources.length);
  for (const [k, t] of plan.trainings.entries()) {
    const at = `#training-${k}`;
    check(`${t.name}: its reason`, (await page.locator(`${at} .why`).textContent()).includes(t.why));
    check(`${t.name}: one way is chosen`, (await count(`${at} .badge.chosen`)) === 1);
    check(`${t.name}: a bar each way, and what was measured`, (await page.locator(`${at} .bars`).first().locator(".bar-row").count()) === (t.candidates.length || 2 + (t.sorted_by ? 1 : 0)) + (t.run ? 1 : 0));
    check(`${t.name}: a tab a pass`, (await count(`${at} [role=tab]`)) === t.stages.length);
    check(`${t.name}: passes over rows`, (await count(`${at} .passes > details`)) === t.passes.length);
    if (wanted.profile) {
      check(`${t.name}: measured`, (await page.locator(`${at} .bars`).first().textContent()).includes("measured"));
      check(`${t.name}: lines with times`, (await count(`${at} .listing .heat b`)) > 0);
      check(`${t.name}: a curve each carried value`, (await count(`${at} svg polyline`)) === t.run.curves.length);
    }
  }
}

async function diffs(page) {
  const tabs = page.locator("#training-0 [role=tab]"), panel = page.locator("#training-0 .diff");
  await tabs.nth(0).focus();
  await page.keyboard.press("Home");
  const text = await page.evaluate(() => document.activeElement.textContent);
  check("Home goes to the first pass", text.startsWith("as written"), text);
  check("it has no changes", (await panel.locator(".plus, .minus").count()) === 0);
  const plan = await page.evaluate(() => JSON.parse(document.getElementById("plan").textContent));
  const n = plan.trainings[0].stages.length;
  for (let i = 1; i < n; i++) {
    await page.keyboard.press("ArrowRight");
    const selected = await tabs.nth(i).getAttribute("aria-selected");
    check(`the arrow goes to pass ${i}`, selected === "true" && (await page.evaluate(() => document.activeElement.getAttribute("aria-selected"))) === "true");
    /* what is left without the lines that are gone is the program after the pass, in order */
    const shown = await panel.evaluate((e) => [...e.querySelectorAll(".l:not(.minus) > :nth-child(3)")].map((x) => x.textContent.trim()));
    check(`pass ${i} shows the whole program`, JSON.stringify(shown) === JSON.stringify(plan.trainings[0].stages[i].lines.map((l) => l[3].trim())));
    const before = plan.trainings[0].stages[i - 1].lines.length, gone = await panel.locator(".minus").count(), added = await panel.locator(".plus").count();
    check(`pass ${i} adds up`, before - gone + added === plan.trainings[0].stages[i].lines.length);
  }
  await page.keyboard.press("ArrowRight");
  check("and around", (await tabs.nth(0).getAttribute("aria-selected")) === "true");
}

async function keys(page) {
  await page.locator("body").click({ position: { x: 3, y: 3 } });
  await page.keyboard.press("2");
  check("2 goes to the second section", (await page.evaluate(() => location.hash)) === "#target-0");
  const theme = await page.evaluate(() => document.documentElement.dataset.theme);
  await page.keyboard.press("d");
  check("d changes the colours", (await page.evaluate(() => document.documentElement.dataset.theme)) !== theme);
  const unreadable = await page.evaluate(faint);
  check("they can be read then, too", unreadable.length === 0, unreadable.slice(0, 6));
  const summary = page.locator("#training-0 .passes summary").first();
  await summary.focus();
  await page.keyboard.press("Enter");
  check("Enter opens a pass", await page.locator("#training-0 .passes > details").first().evaluate((d) => d.open));
  const column = page.locator("#target-0 svg [tabindex]").last();
  await column.focus();
  check("a column shows its lines alone", (await page.locator("#target-0 svg.pick path.on").count()) > 0);
  await page.keyboard.press("Tab");
  check("and lets go of them", (await page.locator("#target-0 svg.pick").count()) === 0);
}

(async () => {
  const browser = await chromium.launch({ executablePath: executable, args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
  try {
    const desk = await look(browser, 1280, "light");
    await contents(desk);
    await diffs(desk);
    await keys(desk);
    for (const [width, scheme] of [[1280, "dark"], [390, "light"], [390, "dark"], [320, "light"]]) await (await look(browser, width, scheme)).close();
  } finally {
    await browser.close();
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
})().catch((e) => {
  console.log(`FAILED  ${e.stack}`);
  console.log(`${passed} passed, ${failed + 1} failed`);
  process.exit(1);
});
