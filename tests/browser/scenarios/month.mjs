// The overview of a source that something came of for a month: as many bars as days, the right numbers beside them.

export default async function (world) {
  const visit = await world.visit();
  const { page } = visit;
  const number = (text) => Number(text.replaceAll(",", ""));

  await world.step("the charts show what the tables below them have", async () => {
    for (let nth = 0; nth < 7; nth += 1) {
      await world.deliver({ user: { name: "Ada" }, lesson: { id: String(nth) }, score_percent: nth });
    }
    await visit.logIn();
    for (const summary of await page.locator("summary").all()) {
      await summary.click();
    }
    const list = await (await world.get("api/exports")).json();
    const wanted = new Map(list.map(({ date, rows }) => [date, rows]));
    const rows = await page.locator("#lessonly-days tbody tr").evaluateAll((rows) =>
      rows.map((row) => [...row.cells].map((cell) => cell.textContent)),
    );
    world.equal(rows.length, 30, "days");
    for (const [day, count] of rows) {
      world.equal(number(count), wanted.get(day) ?? 0, `rows of ${day}`);
    }
    const filled = rows.filter(([, count]) => count !== "0").length;
    world.ok(filled > 15 && filled < 30, `${filled} days with rows`);
    world.equal(await visit.bars("lessonly-days"), filled, "bars of days");
    world.equal(await visit.bars("lessonly-hours"), 1, "bars of hours");
    world.equal((await visit.texts(".figures dd"))[0], "7", "rows today");
  });

  await world.step("a bar tells its number", async () => {
    const chart = await page.locator('[data-chart="lessonly-days"] .u-over').boundingBox();
    await page.mouse.move(chart.x + chart.width - 4, chart.y + chart.height / 2);
    world.match(await visit.text('[data-chart="lessonly-days"] .tip'), /^\d{4}-\d\d-\d\d: 7$/, "the last bar");
  });

  await world.step("charts follow the window and the light", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    const filled = await page.locator("#lessonly-days td.n").evaluateAll((all) => all.filter((td) => td.textContent !== "0").length);
    await world.until(() => visit.bars("lessonly-days"), (bars) => bars === filled, "bars in a narrow window");
    await visit.fits("the overview");
    await page.emulateMedia({ colorScheme: "dark" });
    await world.until(() => visit.bars("lessonly-days"), (bars) => bars === filled, "bars in the dark");
  });
}
