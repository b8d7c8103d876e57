// Rows as they come, what is looked for among them, one by itself, and what a connection that was lost does.

const FIRST = "#rows tbody tr:first-child";

export default async function (world) {
  for (let nth = 0; nth < 130; nth += 1) {
    await world.deliver({ user: { name: `Learner ${nth}` }, score: nth % 11 });
  }
  const visit = await world.visit();
  const { page } = visit;
  await visit.logIn();

  await world.step("the newest stand above, a hundred of them", async () => {
    await visit.go("rows");
    world.equal(await visit.count("#rows tbody tr"), 100, "rows");
    world.match(await visit.text(FIRST), /Learner 129/, "the newest");
    await page.evaluate(() => (globalThis.same = true));
  });

  await world.step("rows come by themselves", async () => {
    await world.deliver({ user: { name: "Came Later" }, score: 5 });
    await world.until(() => visit.text(FIRST), (text) => text.includes("Came Later"), "the newest");
    await world.until(() => visit.text("#came"), (text) => /^1 came/.test(text), "how many came");
    world.equal(await page.evaluate(() => globalThis.same), true, "the page is the same");
    world.equal(await visit.count("#rows tr.new"), 1, "rows that are marked");
  });

  await world.step("many at once are bounded", async () => {
    for (let nth = 0; nth < 8; nth += 1) {
      const many = Array.from({ length: 150 }, (_, row) => ({ user: { name: `Many ${nth} ${row}` } }));
      await world.deliver(JSON.stringify(many));
      await page.waitForTimeout(600);
    }
    await world.until(() => visit.text(FIRST), (text) => text.includes("Many 7 149"), "the newest");
    world.ok((await visit.count("#rows tbody tr")) <= 300, "more than 300 rows in the page");
  });

  await world.step("after a lost connection it goes on where it was", async () => {
    await visit.context.setOffline(true);
    visit.expect(/ERR_INTERNET_DISCONNECTED/);
    await world.deliver({ user: { name: "While Away" } });
    await page.waitForTimeout(1500);
    await visit.context.setOffline(false);
    await world.until(() => visit.text(FIRST), (text) => text.includes("While Away"), "the newest", 30);
    visit.expect();
    world.equal(await page.evaluate(() => globalThis.same), true, "the page is the same");
  });

  await world.step("a new column begins the page anew", async () => {
    await world.deliver({ user: { name: "Wider" }, another: "column" });
    await world.until(() => visit.text("#rows thead"), (text) => text.includes("another"), "the header");
    world.match(await visit.text(FIRST), /Wider/, "the newest");
  });

  await world.step("what is shown is sorted, numbers as numbers", async () => {
    await visit.go("rows?source=lessonly&show=score&show=user.name&find=Learner");
    const button = page.getByRole("button", { name: "score" });
    await button.click();
    const scores = async () => (await visit.texts("#rows tbody td:nth-child(3)")).map(Number);
    const up = await scores();
    world.equal(up, [...up].sort((a, b) => a - b), "scores");
    await button.click();
    world.equal(await scores(), up.reverse(), "scores the other way");
    world.equal(await page.locator("#rows th[aria-sort]").getAttribute("aria-sort"), "descending", "what is told");
  });

  await world.step("a text is found, and what stands in a column", async () => {
    await visit.go("rows");
    await page.getByLabel("Find a text").fill("learner 12");
    await page.getByRole("button", { name: "Show" }).click();
    world.equal(await visit.count("#rows tbody tr"), 11, "Learner 12 and 120 to 129");
    await world.deliver({ user: { name: "Learner 13" } });
    await world.deliver({ user: { name: "Learner 1234" } });
    await world.until(() => visit.text(FIRST), (row) => row.includes("Learner 1234"), "one that comes meanwhile");
    world.equal(await visit.count("#rows tbody tr"), 12, "and none of another name");
    await page.getByLabel("Find a text").fill("");
    await page.getByLabel("In the column").selectOption("user.name");
    await page.getByLabel("stands").fill("wider");
    await page.getByRole("button", { name: "Show" }).click();
    world.equal(await visit.count("#rows tbody tr"), 1, "Wider");
  });

  await world.step("a row shows every field and its payload", async () => {
    await page.locator("#rows a").first().click();
    world.match(await visit.text("pre"), /"another": "column"/, "the payload");
    world.match(await visit.text(".facts"), /Event id\s+[0-9a-f]{32}/, "the id");
    world.match(await visit.text(".facts"), /row \d+ of csv\/lessonly\//, "the place");
    await visit.accessible("a row");
  });

  await world.step("earlier rows are pages", async () => {
    await visit.go("rows?source=lessonly&find=Learner&limit=50");
    const seen = new Set();
    for (;;) {
      (await visit.texts("#rows tbody tr")).forEach((row) => seen.add(row.match(/Learner \d+/)[0]));
      const next = page.getByRole("link", { name: /Earlier rows|Look further/ });
      if ((await next.count()) === 0) {
        break;
      }
      await next.click();
    }
    world.equal(seen.size, 131, "all of them");
  });
}
