// Every view, in the light and in the dark, on a large screen and on a telephone: axe has nothing against it, nothing sticks out
// at the side, and a picture of it is kept where somebody wants one.

const SCREENS = [
  [1440, 900],
  [390, 844],
];

export default async function (world) {
  for (let nth = 0; nth < 12; nth += 1) {
    await world.deliver({
      user: { id: String(nth % 4), name: ["Ada Okoye", "Bo Lindqvist", "Chidi Mensah", "Dana Ruiz"][nth % 4] },
      lesson: { id: String(nth % 5), title: "Safety at the lift" },
      score_percent: 60 + nth,
    });
  }
  await world.deliver("{");
  await world.deliver({ order: 7, total: 19.9 }, "orders");
  for (const dark of [false, true]) {
    for (const [width, height] of SCREENS) {
      const visit = await world.visit({ width, height, dark });
      const end = `${dark ? "-dark" : ""}-${width}`;
      const look = async (name, path, before) => {
        await world.step(`${name}${end}`, async () => {
          await visit.go(path);
          await before?.();
          await visit.fits(name);
          await visit.accessible(name);
          await visit.picture(name + end);
        });
      };
      await look("login", "login");
      await visit.logIn();
      const pages = await visit.pages();
      for (const path of pages) {
        const name = path.replace(/^\.\/$/, "overview");
        await look(name, path);
        // And one page of those that it leads to.
        const [inner] = (await visit.further()).filter((href) => !pages.includes(href));
        if (inner !== undefined) {
          await look(inner.replace(/\W.*$/, "") === name ? `${name}-further` : inner.replace(/\W.*$/, ""), inner);
        }
      }
      await look("numbers", "", async () => {
        for (const summary of await visit.page.locator("summary").all()) {
          await summary.click();
        }
      });
      await look("link", "days?source=lessonly&from=-30d&to=today&columns=user.name,lesson.title");
      await look("no-link", "days?source=lessonly&from=someday&to=today");
      await visit.context.close();
    }
  }
}
