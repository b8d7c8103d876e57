// Somebody with a browser: what it shows, and all that it says that nobody reads. A line in its console, an error, a request
// that fails or goes elsewhere, a violation of the policy: each is a trouble, unless it was expected.

import { readFileSync } from "node:fs";

export class Visit {
  troubles = [];
  expected = [];

  static async begin(world, { width = 1440, height = 900, dark = false, script = true } = {}) {
    const visit = new Visit();
    const context = await world.browser.newContext({
      viewport: { width, height },
      colorScheme: dark ? "dark" : "light",
      javaScriptEnabled: script,
      baseURL: `${world.url}/`,
      locale: "en-US",
      timezoneId: "UTC",
    });
    context.setDefaultTimeout(15000);
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: world.url });
    if (script) {
      await context.addInitScript(() => {
        addEventListener("securitypolicyviolation", (event) => {
          console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
        });
      });
    }
    Object.assign(visit, { world, context, page: await context.newPage() });
    context.on("page", (page) => visit.trouble(`another window: ${page.url()}`));
    visit.watch(visit.page);
    return visit;
  }

  watch(page) {
    page.on("console", (message) => this.trouble(`console ${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => this.trouble(`error: ${error.stack}`));
    page.on("dialog", (dialog) => {
      this.trouble(`dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(`${this.world.url}/`)) {
        this.trouble(`a request to elsewhere: ${request.url().slice(0, 200)}`);
      }
    });
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText;
      // A download leaves the page where it is; what a page still waits for ends with it.
      if (why !== "net::ERR_ABORTED") {
        this.trouble(`failed: ${request.url()} ${why}`);
      }
    });
    page.on("response", (response) => {
      if (response.status() >= 400) {
        this.trouble(`status ${response.status()}: ${response.url()}`);
      }
    });
  }

  trouble(text) {
    const nth = this.expected.findIndex((pattern) => pattern.test(text));
    if (nth < 0) {
      this.troubles.push(text);
    }
  }

  // From now on these are none.
  expect(...patterns) {
    this.expected = patterns;
  }

  async go(path) {
    const answer = await this.page.goto(path);
    if (answer !== null && answer.status() >= 400) {
      this.troubles.push(`${path}: ${(await answer.text()).slice(0, 1000)}`);
    }
  }

  // The path that the address bar shows, with what follows.
  get address() {
    return this.page.url().slice(this.world.url.length);
  }

  async logIn() {
    await this.go(`?token=${this.world.token}`);
    this.world.equal(this.address, "/", "the address bar");
  }

  async text(selector) {
    return (await this.page.locator(selector).first().innerText()).trim();
  }

  async texts(selector) {
    return (await this.page.locator(selector).allInnerTexts()).map((text) => text.trim());
  }

  async count(selector) {
    return await this.page.locator(selector).count();
  }

  // Clicks what gives a download, and gives its name and its bytes.
  async download(locator) {
    const [download] = await Promise.all([this.page.waitForEvent("download"), locator.click()]);
    this.world.equal(await download.failure(), null, "the download");
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
  }

  // The pages that the navigation leads to.
  async pages() {
    const found = await this.page.locator("nav a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
    this.world.ok(found.length >= 2, `pages: ${found}`);
    return found;
  }

  // Where the content of the page leads to, but for downloads and figures.
  async further() {
    const found = await this.page.locator("main a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
    return [...new Set(found.filter((href) => !/^https?:|^\/|^\.\/$|exports\/|^api\/|^#/.test(href)))];
  }

  // No page is wider than its window.
  async fits(what) {
    const [width, window] = await this.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    this.world.ok(width <= window, `${what} is ${width} px wide in a window of ${window} px`);
  }

  // What axe holds against the page.
  async accessible(what) {
    const session = await this.context.newCDPSession(this.page);
    await session.send("Runtime.evaluate", { expression: readFileSync(this.world.axe, "utf8") });
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
      expression: "axe.run(document, { resultTypes: ['violations'] }).then((found) => JSON.stringify(found))",
      awaitPromise: true,
    });
    this.world.equal(exceptionDetails, undefined, "axe");
    const { violations, passes } = JSON.parse(result.value);
    await session.detach();
    this.world.ok(passes.length > 10, `axe looked at ${passes.length} rules`);
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
    this.world.equal(told, [], `${what} for axe`);
  }

  async picture(name) {
    if (this.world.pictures !== undefined) {
      await this.page.screenshot({ path: `${this.world.pictures}/${name}.png` });
    }
  }

  // How many bars a chart shows: stretches of its colour from left to right.
  async bars(id) {
    return await this.page.locator(`[data-chart="${id}"] canvas`).evaluate((canvas) => {
      const probe = document.createElement("a");
      probe.href = "#";
      document.body.append(probe);
      const color = getComputedStyle(probe).color.match(/\d+/g).map(Number);
      probe.remove();
      const { width, height } = canvas;
      const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, width, height);
      const has = (x) => {
        for (let y = 0; y < height; y += 1) {
          const at = (y * width + x) * 4;
          if (data[at + 3] > 240 && color.every((part, nth) => Math.abs(data[at + nth] - part) < 4)) {
            return true;
          }
        }
        return false;
      };
      let [bars, within] = [0, false];
      for (let x = 0; x < width; x += 1) {
        const now = has(x);
        bars += now && !within ? 1 : 0;
        within = now;
      }
      return bars;
    });
  }
}
