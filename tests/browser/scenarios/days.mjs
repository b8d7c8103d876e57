// The table of all days, and the form that makes a link to any range of them.

export default async function (world) {
  const visit = await world.visit();
  const { page } = visit;
  await world.deliver({ n: 1 }, "orders");
  await visit.logIn();

  await world.step("every day is there, with its figures", async () => {
    await page.click("nav >> text=Days");
    await page.waitForURL("**/days");
    world.equal(await visit.text("nav [aria-current=page]"), "Days", "the page that is marked");
    const list = await (await world.get("api/exports")).json();
    const rows = await page.locator("main tbody tr").evaluateAll((rows) =>
      rows.map((row) => [...row.cells].slice(0, 4).map((cell) => cell.textContent)),
    );
    const wanted = list.map(({ source, date, rows, columns }) => [source, date, String(rows), String(columns)]);
    world.equal(rows, wanted, "the table");
    world.ok(rows.length > 15, `${rows.length} days`);
  });

  await world.step("a day can be had in each form", async () => {
    const list = await (await world.get("api/exports")).json();
    const filled = list.findIndex(({ rows }) => rows > 0);
    const links = page.locator("main tbody tr").nth(filled).locator("a");
    for (const [nth, form] of ["csv", "xlsx", "jsonl"].entries()) {
      const { name, bytes } = await visit.download(links.nth(nth));
      world.ok(name.endsWith(`.${form}`) && bytes.length > 0, `${name}: ${bytes.length} bytes`);
    }
  });

  await world.step("the link follows the form", async () => {
    world.equal(await visit.count("#made-link"), 0, "links before the form was touched");
    await page.selectOption("[name=source]", "lessonly");
    await page.fill("[name=from]", "-30d");
    await page.selectOption("[name=format]", "xlsx");
    const link = await world.until(
      async () => ((await visit.count("#made-link")) > 0 ? await visit.text("#made-link") : ""),
      (link) => link.includes(".xlsx"),
      "the link",
    );
    world.equal(link, `${world.url}/exports/lessonly.xlsx?from=-30d&to=today`, "the link");
    world.equal(visit.address, "/days", "the address");
    world.equal(await page.inputValue("[name=view]"), "", "the view that nobody chose");
  });

  await world.step("views are those of the source", async () => {
    const views = () => page.locator("[name=view] option").allTextContents();
    world.equal(await views(), ["all rows", "best", "completed", "latest", "matrix"], "views of lessonly");
    await page.selectOption("[name=view]", "matrix");
    await world.until(() => visit.text("#made-link"), (link) => link.endsWith("&view=matrix"), "the link");
    await page.selectOption("[name=source]", "orders");
    await world.until(views, (views) => views.length === 1, "views of orders");
    await page.selectOption("[name=source]", "lessonly");
    await world.until(views, (views) => views.length === 5, "views of lessonly");
    await world.until(() => visit.text("#made-link"), (link) => link.includes("/lessonly.xlsx"), "the link");
  });

  await world.step("the button copies it, and it gives the file", async () => {
    await page.click("#link button");
    await page.waitForSelector("#link button:text('Copied')");
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    world.equal(copied, await visit.text("#made-link"), "what was copied");
    const { name, bytes } = await visit.download(page.locator("#made-link"));
    world.match(name, /^lessonly-.*\.xlsx$/, "the name of the file");
    world.equal(bytes.subarray(0, 2).toString(), "PK", "its first bytes");
  });

  await world.step("what makes no link is told, and why", async () => {
    for (const [from, to, why] of [
      ["someday", "today", /^No link: .*from.*someday/],
      ["2026-02-03", "2026-02-02", /^No link: .*after/],
    ]) {
      await page.fill("[name=from]", from);
      await page.fill("[name=to]", to);
      await page.locator("[name=to]").blur();
      await world.until(
        async () => ((await visit.count("#link [role=alert]")) > 0 ? await visit.text("#link [role=alert]") : ""),
        (text) => why.test(text),
        "why there is none",
      );
    }
  });
}
