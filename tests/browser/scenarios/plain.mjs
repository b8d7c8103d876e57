// Every page without scripts: all can be read, and done.

export default async function (world) {
  const visit = await world.visit({ script: false });
  const { page } = visit;

  await world.step("log in", async () => {
    await visit.go("");
    world.equal(visit.address, "/login", "the address");
    await page.fill("#token", world.token);
    await page.click("main button");
    world.equal(visit.address, "/", "the address");
  });

  await world.step("the overview has its figures as tables", async () => {
    await world.deliver({ n: 1 });
    await page.reload();
    world.match(await visit.text(".health"), /^Working\./, "health");
    world.equal((await visit.texts(".figures dd"))[0], "1", "rows today");
    world.match(await visit.text("time"), /ago|just now/, "the last delivery");
    world.equal(await page.locator(".chart:visible").count(), 0, "charts");
    await page.locator("summary").nth(1).click();
    world.ok(await page.locator("#lessonly-days").isVisible(), "the numbers are not there");
    const { bytes } = await visit.download(page.locator(".downloads a").first());
    world.ok(bytes.length > 0, "the download is empty");
  });

  await world.step("the form of the days makes a link", async () => {
    await page.click("nav >> text=Days");
    world.ok((await visit.count("main tbody tr")) > 15, "days are missing");
    await page.selectOption("[name=source]", "lessonly");
    await page.fill("[name=from]", "-30d");
    await page.fill("[name=columns]", "user.name,score_percent");
    await page.click("#link-form button");
    const link = await visit.text("#made-link");
    world.equal(link, `${world.url}/exports/lessonly.csv?from=-30d&to=today&columns=user.name,score_percent`, "the link");
    world.equal(await page.inputValue("[name=from]"), "-30d", "the form stays as it was filled in");
    world.equal(await page.locator("button:visible:text('Copy')").count(), 0, "buttons that copy");
    const { bytes } = await visit.download(page.locator("#made-link"));
    world.match(bytes.toString(), /^user\.name,score_percent\n/, "the file");
  });

  await world.step("no button is there that does nothing, on any page", async () => {
    for (const path of await visit.pages()) {
      await visit.go(path);
      world.equal((await page.locator("h1").count()) > 0, true, `the heading of ${path}`);
      const idle = await page.locator("main button:visible").evaluateAll((all) =>
        all.filter((button) => button.form === null).map((button) => button.outerHTML),
      );
      world.equal(idle, [], `buttons of ${path} that belong to no form`);
    }
  });

  await world.step("log out", async () => {
    await page.click("header form button");
    world.equal(visit.address, "/login", "the address");
  });
}
