// A sender is connected with what the page says, and links are made and revoked on it.

import { execFile } from "node:child_process";

export default async function (world) {
  const visit = await world.visit();
  const { page } = visit;
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  const live = () => visit.texts("#live p");

  await world.step("what is to be filled in can be copied", async () => {
    await visit.logIn();
    await page.click("nav >> text=Connect");
    await page.waitForURL("**/connect");
    world.equal(await live(), ["lessonly: Waiting for the first delivery…", "orders: Waiting for the first delivery…"], "it waits");
    await page.click("text=Copy the URL");
    await page.waitForSelector("button:text('Copied')");
    world.equal(await copied(), `${world.url}/hooks/lessonly`, "the callback URL");
    const shown = await page.content();
    world.ok(!shown.includes(world.secret), "the page shows the secret");
    await page.evaluate(() => (globalThis.same = true));
  });

  await world.step("a test event is sent by a button, and is a row that says so", async () => {
    const section = page.locator("section", { has: page.locator("#s-orders") });
    await section.locator("text=Send a test event").dblclick();
    await page.waitForURL("**/connect?tested=orders&*");
    world.match(await section.locator("[role=status]").innerText(), /See its row/, "what it says");
    world.match((await live())[1], /^orders: Waiting for the first delivery… A test event came today\.$/, "it is none");
    await visit.accessible("a test event that was sent");
    await visit.picture("test-event-1440");
    await section.locator("text=See its row").click();
    await page.waitForURL("**/rows?source=orders&date=*&find=*");
    world.match(await visit.text("#rows tbody tr"), /test event from the dashboard/, "the row");
    world.equal((await page.goto(page.url().replace(/find=.*/, ""))).status(), 200, "all rows");
    world.equal(await visit.count("#rows tbody tr"), 1, "rows of a button that was pressed twice");
    await page.click("nav >> text=Connect");
    await page.evaluate(() => (globalThis.same = true));
  });

  await world.step("the command works as it is copied, and what really comes makes the page tell by itself", async () => {
    await page.locator("text=Copy the command").first().click();
    const command = await world.until(copied, (text) => text.includes("curl"), "what was copied");
    const answer = await new Promise((told) => {
      const shell = execFile("sh", ["-c", command], (error, out) => told(out));
      shell.stdin.end(`${world.secret}\n`);
    });
    world.match(answer, /"status":"stored"/, "the answer");
    const [tested] = await world.until(live, ([first]) => first.includes("test event"), "the test event");
    world.match(tested, /^lessonly: Waiting for the first delivery… A test event came today\.$/, "it is none");
    const real = { user: { name: "Sample Sampleson" }, lesson: { title: "A Sample Lesson" } };
    const headers = { authorization: world.secret };
    const delivered = await fetch(`${world.url}/hooks/lessonly`, { method: "POST", headers, body: JSON.stringify(real) });
    world.equal(delivered.status, 200, "the delivery");
    const [lessonly, orders] = await world.until(live, ([first]) => !first.includes("Waiting"), "the first delivery");
    world.match(lessonly, /^lessonly: The first delivery came (just now|\d+ seconds ago)\.$/, "the first delivery");
    world.match(orders, /Waiting/, "the other one");
    world.match(await page.locator("#live time").getAttribute("title"), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/, "the exact time");
    world.equal(await page.evaluate(() => globalThis.same), true, "the page is the same");
  });

  let link = "";
  await world.step("a link is made, and its address shown once", async () => {
    await page.selectOption("[name=source]", "lessonly");
    await page.selectOption("[name=day]", "-30d");
    await page.fill("[name=columns]", "user.name,lesson.title");
    await page.click("text=Make a link");
    await page.waitForSelector("#made-link");
    link = await visit.text("#made-link");
    world.match(link, /\/exports\/lessonly\.csv\?from=-30d&to=today&columns=user\.name,lesson\.title&link=/, "the address");
    const [, secret] = link.split("link=");
    world.match(visit.address, /^\/connect\?made=[0-9a-f]{10}#links$/, "the address bar");
    world.ok(!(await page.evaluate(() => location.href)).includes(secret), "the address bar has the secret");
    await page.click("text=Copy the address");
    await page.waitForSelector("button:text('Copied')");
    world.equal(await copied(), link, "what was copied");
    await visit.accessible("a link that was made");
    await visit.picture("link-made-1440");
    // Also once the page looked again by itself.
    await page.waitForResponse((response) => response.url().includes("/connect?made="));
    world.equal(await visit.text("#made-link"), link, "the address");
  });

  await world.step("it opens its feed, without a session", async () => {
    const answer = await fetch(link);
    const test = '"Test event, not a person","Test event, not a lesson"';
    world.equal([answer.status, await answer.text()], [200, `user.name,lesson.title\n${test}\nSample Sampleson,A Sample Lesson\n`], "the feed");
    world.equal((await fetch(link.replace("-30d", "-31d"))).status, 401, "another feed");
  });

  await world.step("to load the page again makes none and shows none", async () => {
    await page.reload();
    world.equal(await visit.count("#made-link"), 0, "addresses");
    world.match(await visit.text("#links"), /was shown once, and is not shown again/, "what it says");
    world.equal(await visit.count("#links tbody tr"), 1, "links");
    world.ok(!(await page.content()).includes(link.split("link=")[1]), "the page has the secret");
  });

  await world.step("what makes no link is told", async () => {
    visit.expect(/status 400: .*\/connect$/, /console error: .*400/);
    await page.fill("[name=from]", "someday");
    await page.click("text=Make a link");
    await page.waitForSelector("#links [role=alert]");
    world.match(await visit.text("#links [role=alert]"), /^Nothing was changed: .*someday/, "why");
    world.equal(await page.inputValue("[name=from]"), "someday", "the form stays as it was filled in");
    await visit.accessible("a link that was not made");
    visit.expect();
  });

  await world.step("it is revoked, by keyboard", async () => {
    await visit.go("connect");
    await page.locator("#links summary").focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    world.equal(await page.evaluate(() => document.activeElement.textContent), "For good", "what has the focus");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/connect?revoked=*");
    world.match(await visit.text("#links [role=status]"), /is revoked\. It opens nothing any more\.$/, "what it says");
    world.equal(await page.locator("#links tbody td").nth(1).innerText(), "revoked", "its state");
    world.equal(await visit.count("#links tbody button"), 0, "buttons that revoke");
    world.equal((await fetch(link)).status, 403, "the feed");
  });

  await world.step("without scripts, too", async () => {
    const plain = await world.visit({ script: false, width: 390, height: 844 });
    await plain.logIn();
    await plain.page.click("nav >> text=Connect");
    world.match(await plain.text("#live"), /The first delivery came/, "the first delivery");
    await plain.page.selectOption("[name=source]", "orders");
    await plain.page.click("text=Make a link");
    const address = await plain.text("#made-link");
    world.equal((await fetch(address)).status, 200, "the feed");
    await plain.page.click("#links summary");
    await plain.page.click("text=For good");
    world.equal((await fetch(address)).status, 403, "the feed");
  });
}
