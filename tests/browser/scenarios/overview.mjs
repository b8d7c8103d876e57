// The overview before anything came, and how it follows what comes without being loaded again.

const ROWS = ".figures dd";

export default async function (world) {
  const visit = await world.visit();
  const { page } = visit;
  await visit.logIn();

  await world.step("before the first delivery it says where to send it", async () => {
    world.match(await visit.text(".health"), /^Working\./, "health");
    world.match(await visit.text(".waiting"), /^Waiting for the first delivery/, "what it waits for");
    world.equal(await visit.text("section code"), `${world.url}/hooks/lessonly`, "the callback URL");
    world.equal(await visit.count(".figures, canvas, .downloads"), 0, "figures");
    await page.evaluate(() => (globalThis.same = true));
  });

  await world.step("what comes is shown by itself", async () => {
    for (const body of ['{"n":1}', '{"n":2}', '{"n":1}', '{"n":', "[]"]) {
      await world.deliver(body);
    }
    const figures = await world.until(() => visit.texts(ROWS), (figures) => figures.length === 3, "figures");
    world.equal(figures, ["2", "1", "2"], "rows, duplicates, refused");
    world.equal(await page.evaluate(() => globalThis.same), true, "the page is the same");
    world.equal(await visit.count(".waiting"), 0, "waiting");
    world.equal(await visit.bars("lessonly-hours"), 1, "bars of hours");
    world.equal(await visit.bars("lessonly-days"), 1, "bars of days");
  });

  await world.step("how long ago is told, and exactly when on hovering", async () => {
    const time = page.locator("time").first();
    world.match(await time.innerText(), /^(just now|\d+ seconds ago)$/, "how long ago");
    world.match(await time.getAttribute("title"), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/, "the exact time");
    const at = Date.parse(await time.getAttribute("datetime"));
    world.ok(Math.abs(Date.now() - at) < 60000, "the moment is not now");
    await world.until(() => time.innerText(), (text) => /^1\d seconds ago$/.test(text), "how long ago");
  });

  await world.step("while nothing comes the page is left alone", async () => {
    // How much of the disk is free may change, which is shown: so it may take a second look.
    const kept = async () => {
      await page.locator("time").first().evaluate((time) => (globalThis.kept = time));
      await page.waitForResponse((response) => response.url() === `${world.url}/`);
      await page.waitForTimeout(500);
      return await page.evaluate(() => globalThis.kept.isConnected);
    };
    world.ok((await kept()) || (await kept()), "the page is made anew though nothing came");
  });

  await world.step("more of it is counted, and what is open stays open", async () => {
    await page.locator("summary").first().click();
    await page.locator("summary").first().focus();
    await world.deliver(JSON.stringify(Array.from({ length: 1500 }, (_, nth) => ({ n: nth + 10 }))));
    await world.until(() => visit.texts(ROWS), ([rows]) => rows === "1,502", "rows");
    world.equal(await page.evaluate(() => globalThis.same), true, "the page is the same");
    world.equal(await page.locator("details").first().getAttribute("open"), "", "the numbers are open");
    world.equal(await page.evaluate(() => document.activeElement.tagName), "SUMMARY", "what has the focus");
    const cells = await visit.texts("#lessonly-hours td.n");
    const sum = cells.map((cell) => Number(cell.replaceAll(",", ""))).reduce((one, other) => one + other);
    world.equal(sum, 1502, "rows of all hours");
    world.equal(await visit.bars("lessonly-hours"), 1, "bars of hours");
  });

  await world.step("every download is one", async () => {
    const buttons = page.locator(".downloads a");
    const all = await buttons.count();
    world.equal(all, 12, "buttons");
    for (let nth = 0; nth < all; nth += 1) {
      const button = buttons.nth(nth);
      const { name, bytes } = await visit.download(button);
      const href = await button.getAttribute("href");
      const same = Buffer.from(await (await world.get(href)).arrayBuffer());
      world.match(name, /^lessonly-\d{4}-\d\d-\d\d(-\d{4}-\d\d-\d\d)?\.(csv|xlsx|jsonl)$/, "the name of the file");
      if (href.includes(".xlsx")) {
        // It says when it was made.
        world.ok(Math.abs(bytes.length - same.length) < 50, `${bytes.length} bytes of ${href} instead of ${same.length}`);
      } else {
        world.ok(bytes.equals(same), `other bytes of ${href}`);
      }
      if (href.endsWith("today.csv")) {
        world.equal(bytes.toString().trim().split("\n").length, 1503, "lines of today");
      }
    }
  });
}
