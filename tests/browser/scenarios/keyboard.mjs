// What a person does, without a mouse.

export default async function (world) {
  const visit = await world.visit();
  const { page } = visit;
  const press = async (...keys) => {
    for (const key of keys) {
      await page.keyboard.press(key);
    }
  };
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.name || "");
  // Goes on with the tab key until what has the focus is `wanted`, which must be visible then.
  const reach = async (wanted) => {
    for (let presses = 0; presses < 150; presses += 1) {
      if (wanted.test(await focused())) {
        const seen = await page.evaluate(() => {
          const element = document.activeElement;
          const { width, height } = element.getBoundingClientRect();
          return width > 4 && height > 4 && getComputedStyle(element).outlineStyle !== "none";
        });
        world.ok(seen, `${wanted} has the focus, and nobody sees it`);
        return;
      }
      await press("Tab");
    }
    throw new Error(`the tab key does not lead to ${wanted}`);
  };

  await world.step("log in", async () => {
    await visit.go("login");
    await page.keyboard.type(world.token);
    await press("Enter");
    await page.waitForSelector("#live");
    world.equal(visit.address, "/", "the address");
  });

  await world.step("skip to the content, and open the numbers of a chart", async () => {
    await press("Tab");
    world.equal(await focused(), "Skip to the content", "the first stop");
    await press("Enter");
    world.equal(await page.evaluate(() => document.activeElement.id), "main", "where that leads");
    await reach(/^As numbers$/);
    await press("Enter");
    world.equal(await page.locator("details[open]").count(), 1, "open numbers");
  });

  await world.step("download", async () => {
    await reach(/^JSON Lines$/);
    const [download] = await Promise.all([page.waitForEvent("download"), press("Enter")]);
    world.equal(await download.failure(), null, "the download");
  });

  await world.step("make a link and copy it", async () => {
    await page.reload();
    await reach(/^Days$/);
    await press("Enter");
    await page.waitForURL("**/days");
    await reach(/^from$/);
    await press("Control+a");
    await page.keyboard.type("-7d");
    await press("Tab");
    await page.waitForSelector("#made-link");
    await reach(/^http:.*from=-7d/);
    await reach(/^Copy$/);
    await press("Enter");
    await page.waitForSelector("#link button:text('Copied')");
    world.match(await page.evaluate(() => navigator.clipboard.readText()), /from=-7d/, "what was copied");
  });

  await world.step("log out", async () => {
    await page.reload();
    await reach(/^Log out$/);
    await press("Enter");
    await page.waitForURL("**/login");
    world.equal(await visit.count("#token"), 1, "forms");
  });
}
