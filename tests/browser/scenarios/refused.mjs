// What was refused is corrected, looked at before it is stored, delivered again, or dismissed.

export default async function (world) {
  await world.deliver('{"user": {"name": "Ann"},\n "score": 9O}');
  await world.deliver('{"nobody": "wants this"');
  const visit = await world.visit();
  const { page } = visit;
  await visit.logIn();

  await world.step("the overview leads to them", async () => {
    world.match(await visit.text("main"), /2 refused bodies wait for somebody/, "how many wait");
    await page.getByRole("link", { name: "look at them" }).click();
    world.equal(await visit.count("article"), 2, "bodies");
  });

  await world.step("the place of the fault is marked", async () => {
    await page.getByRole("link", { name: /^Correct/ }).last().click();
    world.match(await visit.text("main"), /Line 2, column 12/, "the place");
    world.match(await visit.text("mark"), /^here:\s+O$/, "the letter that is marked");
    await visit.accessible("a refused body");
  });

  await world.step("what is still wrong is told, with its new place", async () => {
    visit.expect(/422/);
    await page.getByLabel("The body").fill('{"user": {"name": "Ann"},\n "score": 90,}');
    await page.getByRole("button", { name: "Deliver" }).click();
    world.match(await visit.text("#outcome"), /Still refused/, "the outcome");
    world.match(await visit.text("#outcome mark"), /^here:\s+\}$/, "the letter that is marked");
    visit.expect();
  });

  await world.step("the rows that it would make are shown before anything is stored", async () => {
    await page.getByLabel("The body").fill('{"user": {"name": "Ann"},\n "score": 90}');
    await page.getByRole("button", { name: "Show what it would make" }).click();
    world.match(await visit.text("#outcome"), /It would make 1 row/, "the outcome");
    world.match(await visit.text("#outcome table"), /user\.name\s+Ann/, "a cell");
    const rows = await (await world.get("api/rows?source=lessonly")).json();
    world.equal(rows.rows, [], "rows that were stored");
  });

  await world.step("delivered, it is a row and says so", async () => {
    await page.getByRole("button", { name: "Deliver" }).click();
    world.match(await visit.text("#outcome"), /^Stored/, "the outcome");
    world.match(await visit.text("main"), /Delivered again on/, "what became of it");
    const rows = await (await world.get("api/rows?source=lessonly")).json();
    world.equal(rows.rows.length, 1, "rows that were stored");
    world.ok(rows.rows[0].cells.includes("Ann"), "the row");
  });

  await world.step("the same again is a duplicate", async () => {
    await page.getByLabel("The body").fill('{"user": {"name": "Ann"},\n "score": 90}');
    await page.getByRole("button", { name: "Deliver" }).click();
    world.match(await visit.text("#outcome"), /duplicate/i, "the outcome");
  });

  await world.step("a session that ends meanwhile costs nobody what they wrote", async () => {
    visit.expect(/status 40[13]: .*\/refused$/, /console error: .*40[13]/, /another window/);
    const text = '{"user": {"name": "Ben"}}';
    await page.getByLabel("The body").fill(text);
    await visit.context.clearCookies();
    await page.getByRole("button", { name: "Deliver" }).click();
    world.match(await visit.text("[role=alert]"), /^Nothing was changed\./, "what it says");
    await visit.accessible("a session that is over");
    const [other] = await Promise.all([visit.context.waitForEvent("page"), page.getByRole("link", { name: /^Log in/ }).click()]);
    await other.getByLabel("Read token").fill(world.token);
    await other.getByRole("button", { name: "Log in" }).click();
    await other.waitForURL(`${world.url}/`);
    await other.close();
    await page.reload();
    world.match(await visit.text("#outcome"), /^Nothing was done yet\./, "what it says");
    world.equal(await page.getByLabel("The body").inputValue(), text, "the text");
    const rows = async () => (await (await world.get("api/rows?source=lessonly")).json()).rows.length;
    world.equal(await rows(), 1, "rows that were stored");
    await page.getByRole("button", { name: "Deliver" }).click();
    world.match(await visit.text("#outcome"), /^Stored/, "the outcome");
    world.equal(await rows(), 2, "rows that were stored");
    visit.expect();
  });

  await world.step("the other is dismissed, and put back", async () => {
    await visit.go("refused?state=waiting");
    world.equal(await visit.count("article"), 1, "bodies that wait");
    await page.getByRole("button", { name: /^Dismiss/ }).click();
    world.equal(await visit.count("article"), 0, "bodies that wait");
    await visit.go("refused?state=dismissed");
    await page.getByRole("button", { name: /^Put back/ }).click();
    await visit.go("refused?state=waiting");
    world.equal(await visit.count("article"), 1, "bodies that wait");
    const { bytes } = await visit.download(page.getByRole("link", { name: /^Download/ }));
    world.equal(bytes.toString(), '{"nobody": "wants this"', "the download");
  });
}
