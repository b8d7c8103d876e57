// Storing fails while somebody looks, and works again.

import { rename } from "node:fs/promises";

export default async function (world) {
  const visit = await world.visit();
  const { page } = visit;
  const journal = `${world.place}/output/journal`;

  await world.step("all is well", async () => {
    world.equal((await world.deliver({ n: 1 })).status, 200, "the answer");
    await visit.logIn();
    world.match(await visit.text(".health"), /^Working\. Deliveries are stored\./, "health");
  });

  await world.step("that it fails is told by itself, and why", async () => {
    await rename(journal, `${journal}-away`);
    await page.waitForSelector(".health.bad[role=alert]");
    world.match(await visit.text(".health"), /^Not able to store\. the journal(.s folder cannot be reached| cannot be written: \S+ was moved or removed)/i, "health");
    await visit.accessible("the overview when storing fails");
    await visit.picture("overview-failing-1440");
    await page.setViewportSize({ width: 390, height: 844 });
    await visit.fits("the overview when storing fails");
    await visit.picture("overview-failing-390");
    await page.reload();
    world.match(await visit.text(".health"), /^Not able to store/, "health of a page that is opened now");
  });

  await world.step("that it works again, too", async () => {
    await rename(`${journal}-away`, journal);
    await page.waitForSelector(".health.good");
    world.equal((await world.deliver({ n: 2 })).status, 200, "the answer");
    await world.until(() => visit.texts(".figures dd"), ([rows]) => rows === "2", "rows");
  });
}
