// The token opens a session, by the form or in the address, which forgets it; leaving ends it, and so does another token.

import { writeFile } from "node:fs/promises";

export default async function (world) {
  const visit = await world.visit();
  const { page } = visit;
  const cookies = async () => (await visit.context.cookies()).filter(({ name }) => name.startsWith("rowhook-"));

  await world.step("a page without a session leads to the form, and back again", async () => {
    await visit.go("days");
    world.equal(visit.address, "/login?to=days", "the address");
    world.equal(await page.evaluate(() => document.activeElement.name), "token", "what has the focus");
    await page.fill("#token", world.token);
    await page.click("main button");
    await page.waitForURL("**/days");
    world.equal(await visit.text("h1"), "Days", "the heading");
    const [cookie, ...more] = await cookies();
    world.equal(more, [], "further cookies");
    world.equal([cookie.httpOnly, cookie.sameSite], [true, "Strict"], "the cookie");
    world.ok(!cookie.value.includes(world.token), "the cookie has the token");
    world.equal(await page.evaluate(() => document.cookie), "", "what scripts see of it");
  });

  await world.step("whoever logs out is out", async () => {
    await page.click("header form button");
    await page.waitForURL("**/login");
    world.equal(await cookies(), [], "cookies");
    await visit.go("days");
    world.equal(visit.address, "/login?to=days", "the address");
    await page.goBack();
    world.equal(await visit.count("table"), 0, "tables after going back");
  });

  await world.step("a wrong token opens nothing", async () => {
    visit.expect(/status 403: .*\/login$/, /console error: .*403/);
    await visit.go("login");
    await page.fill("#token", "guess");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[role=alert]");
    world.match(await visit.text("[role=alert]"), /not the read token/, "what it says");
    world.equal(await cookies(), [], "cookies");
    visit.expect();
    await visit.go("?token=guess");
    world.equal(visit.address, "/login?wrong", "the address");
    world.match(await visit.text("[role=alert]"), /not the read token/, "what it says");
  });

  await world.step("the token in the address is gone at once", async () => {
    await visit.logIn();
    const shown = await page.evaluate(() => [location.href, document.referrer, document.documentElement.outerHTML].join("\n"));
    world.ok(!shown.includes(world.token), "the page shows the token");
    world.equal((await cookies()).length, 1, "cookies");
    await page.reload();
    world.equal(await visit.count("#live"), 1, "overviews");
  });

  await world.step("another token ends the session, also of a page that is open", async () => {
    await writeFile(`${world.place}/token`, "the-next-token");
    await page.waitForURL("**/login", { timeout: 30000 });
    world.equal(await visit.count("#token"), 1, "forms");
    await page.fill("#token", "the-next-token");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#live");
    world.equal(visit.address, "/", "the address");
  });
}
