// Deliveries, and addresses, that would like to run something or to break the page: they are shown as what they are.

const SCRIPT = "<script>globalThis.hacked = true; alert(1)</script>";
const IMAGE = '"><img src=x onerror="globalThis.hacked = true">';
const TEXTS = [
  SCRIPT,
  IMAGE,
  "' onmouseover='globalThis.hacked = true' autofocus onfocus='globalThis.hacked = true' x='",
  "javascript:globalThis.hacked=true",
  "</td></tr></table></main><style>* { display: none !important }</style>",
  "</title></textarea></noscript><iframe src=//evil.example></iframe>",
  "body{background:url(//evil.example/x)}</style><link rel=stylesheet href=//evil.example/x.css>",
  "\u202egnp.exe\u202c \u2066\u2067right to left\u2069 \u0000\u0008\u001b[31m",
  "<base href=//evil.example/><meta http-equiv=refresh content='0;url=//evil.example'>",
  "{{7*7}}${7*7}<%= 7*7 %>&lt;script&gt;&#x3c;",
  "\ud83d\ude00".repeat(500),
  "W".repeat(100000),
  "word ".repeat(20000),
];

async function harmless(world, visit, what) {
  const { page } = visit;
  const seen = await page.evaluate(() => ({
    hacked: globalThis.hacked,
    scripts: [...document.scripts].filter((script) => !/^(\.\.\/)*assets\//.test(script.getAttribute("src")) || script.text !== "").length,
    foreign: document.querySelectorAll("iframe, img, base, object, embed, style, meta[http-equiv]").length,
    handlers: [...document.querySelectorAll("*")].filter((one) => [...one.attributes].some(({ name }) => name.startsWith("on"))).length,
    links: [...document.querySelectorAll("a")].map((link) => link.protocol).filter((protocol) => !/^https?:$/.test(protocol)),
    main: document.querySelectorAll("main").length,
  }));
  world.equal(seen, { hacked: undefined, scripts: 0, foreign: 0, handlers: 0, links: [], main: 1 }, what);
  world.ok(await page.locator("nav a").first().isVisible(), `${what}: the navigation is not to be seen`);
  await visit.fits(what);
}

export default async function (world) {
  await world.step("they are stored", async () => {
    for (const [nth, text] of TEXTS.entries()) {
      const name = text.slice(0, 300);
      const body = { user: { name: text, custom_fields: { [name]: text } }, lesson: { title: text, id: nth }, [name]: [text] };
      world.equal((await world.deliver(body)).status, 200, `text ${nth}`);
      // And what cannot be: it is refused, and kept.
      world.equal((await world.deliver(`{"${name.replaceAll('"', "")}`)).status, 400, `half of text ${nth}`);
    }
    // A name of 100,000 letters, and as long a body that is refused in the middle of nowhere.
    for (const letters of ["W".repeat(100000), "\u202e\u0627".repeat(50000)]) {
      world.equal((await world.deliver({ [letters]: letters, user: { name: letters } })).status, 200, "a long name");
      world.equal((await world.deliver(`{"a":"${letters}" "b":"${letters}"}`)).status, 400, "a long body");
    }
  });

  for (const width of [1440, 390]) {
    const visit = await world.visit({ width, height: 844 });
    const { page } = visit;
    await visit.logIn();

    await world.step(`every page shows them as they are, ${width} px wide`, async () => {
      for (const path of await visit.pages()) {
        await visit.go(path);
        await harmless(world, visit, path);
        await visit.picture(`hostile-${width}-${path.replaceAll(/\W/g, "") || "overview"}`);
        // And where the page leads to from there, but for downloads.
        for (const [nth, href] of (await visit.further()).slice(0, 40).entries()) {
          await visit.go(new URL(href, `${world.url}/${path}`).href);
          if ((await page.locator("main").count()) > 0) {
            await harmless(world, visit, href);
            await visit.picture(`hostile-${width}-${path.replaceAll(/\W/g, "")}-${nth}`);
          }
        }
      }
    });

    await world.step(`what stands in an address is no part of the page, ${width} px wide`, async () => {
      for (const text of TEXTS.filter((text) => text.length < 2000)) {
        const it = encodeURIComponent(text);
        await visit.go(`days?source=lessonly&from=${it}&to=${it}&columns=${it}&view=${it}`);
        await harmless(world, visit, `days with ${text.slice(0, 40)}`);
        await visit.go(`days?source=${it}&format=${it}`);
        await harmless(world, visit, `days of ${text.slice(0, 40)}`);
      }
      for (const text of [SCRIPT, IMAGE, "javascript:globalThis.hacked=true", "//evil.example"]) {
        await visit.go(`login?to=${encodeURIComponent(text)}&wrong`);
        await page.fill("#token", world.token);
        await page.keyboard.press("Enter");
        await page.waitForSelector("#live");
        world.equal(visit.address, "/", "where the login leads");
      }
    });
    await visit.context.close();
  }
}
