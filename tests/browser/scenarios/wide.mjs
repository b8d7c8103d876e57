// A table of a thousand columns: some are shown, each can be, a row shows them all, and what comes meanwhile finds its place.

const COLUMNS = 984;

// An event that fills every `nth` column.
function event(number, every) {
  const fields = Array.from({ length: COLUMNS }, (_, nth) => [`Field ${nth}`, `value ${number}.${nth}`]);
  return { user: { name: `Learner ${number}`, custom_fields: Object.fromEntries(fields.filter((_, nth) => nth % every === 0)) } };
}

export default async function (world) {
  await world.step("they are delivered", async () => {
    for (let number = 0; number < 120; number += 1) {
      const answer = await world.deliver(event(number, number % 40 === 0 ? 1 : 50));
      world.equal(answer.status, 200, `event ${number}`);
    }
  });
  const visit = await world.visit();
  const { page } = visit;
  await visit.logIn();

  await world.step("the rows show some of them", async () => {
    await visit.go("rows");
    world.equal(await visit.count("#rows thead th"), 13, "columns that are shown");
    world.equal(await visit.count("#rows tbody tr"), 100, "rows");
    world.match(await visit.text("details summary"), /^Columns: 12 of 999 are shown$/, "columns");
    await visit.fits("rows of a wide table");
    await visit.accessible("rows of a wide table");
  });

  await world.step("others are chosen, and what stands in one is found", async () => {
    await page.click("details summary");
    await page.getByLabel("Field 950", { exact: true }).check();
    await visit.picture("wide-choice-1440");
    await page.getByLabel("In the column").selectOption("Field 950");
    await page.getByLabel("stands").fill("value 70.950");
    await page.getByRole("button", { name: "Show" }).click();
    world.equal(await visit.count("#rows tbody tr"), 1, "rows");
    world.match(await visit.text("#rows tbody tr"), /value 70\.950/, "the row");
  });

  await world.step("what comes meanwhile stands in its columns", async () => {
    await visit.go("rows?source=lessonly&show=user.name&show=Field%20950");
    await world.deliver(event(700, 50));
    await world.until(() => visit.text("#rows tbody tr"), (text) => /Learner 700\s+value 700\.950/.test(text), "the newest");
  });

  await world.step("a row shows all", async () => {
    await visit.go("rows?source=lessonly&find=Learner%2080");
    await page.locator("#rows a").first().click();
    world.equal(await visit.count(".fields tbody tr"), 999, "fields");
    world.match(await visit.text(".fields tbody tr:last-child"), /^Field 983\s+value 80\.983$/, "the last");
    await visit.fits("a wide row");
    await visit.picture("wide-row-1440");
  });

  await world.step("and every column at once", async () => {
    const began = Date.now();
    const all = Array.from({ length: COLUMNS }, (_, nth) => `show=Field%20${nth}`).join("&");
    await visit.go(`rows?source=lessonly&${all}`);
    world.equal(await visit.count("#rows thead th"), COLUMNS + 1, "columns that are shown");
    await visit.fits("every column");
    console.log(`    100 rows of ${COLUMNS} columns in ${Date.now() - began} ms`);
  });
}
