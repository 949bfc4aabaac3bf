/*
 * The guard's pages as tests/guard_pages.c shows them, in each state and with
 * hostile texts: the tests of pages_browser.bats.
 */
import {
	assert, expectAccessible, expectFits, expectProtected, expectSound,
	expectTargets, phone, shoot, site, visitor,
} from "./lib.mjs";

const pages = ["login", "welcome", "step-up", "logout", "sessions", "denied",
	       "error"];

async function open(path, options) {
	const page = await visitor(options);

	return { page, response: await page.goto(`${site}/auth/${path}`) };
}

/* One of the pages, in both schemes and at each width. */
async function expectPage(path, name) {
	const { page, response } = await open(path);

	expectProtected(response);
	assert.equal(response.headers()["cache-control"], "no-store");
	await expectSound(page, name);
}

export async function is_sound(path) {
	await expectPage(path, path.replace("?", "-").replace("=1", ""));
}

export async function is_sound_with_hostile_texts(path) {
	await is_sound(path + (path.includes("?") ? "&" : "?") + "hostile=1");
}

export async function hostile_texts_are_text() {
	for (const path of pages) {
		const { page } = await open(`${path}?hostile=1`);

		assert.equal(await page.locator("script").count(), 0, path);
		assert.equal(await page.locator("img").count(), 1, path);
		assert.doesNotMatch(await page.title(), /^taken over/, path);
		assert.match(await page.innerText("main"),
			     /"><script>document.title='taken over'<\/script>/);
		assert.equal(await page.locator(
			"[onerror], [onload], [onclick]").count(), 0, path);
	}
}

/* Text that reads from right to left does not turn what stands beside it. */
export async function a_name_turns_nothing_beside_it() {
	const { page } = await open("welcome?hostile=1");
	const isolated = await page.evaluate(() => getComputedStyle(
		document.querySelector(".who bdi")).unicodeBidi);

	assert.equal(isolated, "isolate");
}

export async function pages_keep_their_shape_from_right_to_left() {
	for (const path of ["login?hostile=1", "sessions", "denied"]) {
		const { page } = await open(path, { viewport: phone });

		await page.evaluate(() => { document.documentElement.dir = "rtl"; });
		await expectFits(page, 320);
		await shoot(page, `rtl-${path.split("?")[0]}`);
	}
}

/* WCAG 1.4.12: with other spacings, and 1.4.4: with text twice as large. */
export async function text_may_grow() {
	for (const path of pages) {
		const { page } = await open(path);

		await page.addStyleTag({ content: "" }).catch(() => {});
		await page.evaluate(() => {
			const style = document.documentElement.style;
			style.fontSize = "200%";
			style.letterSpacing = "0.12em";
			style.wordSpacing = "0.16em";
		});
		await expectFits(page, 640);
		await expectTargets(page);
	}
}

/* Windows' contrast themes take colours away: what is left has edges. */
export async function nothing_is_said_by_colour_alone() {
	const { page } = await open("login?hostile=1");

	await page.emulateMedia({ forcedColors: "active" });
	const edge = await page.evaluate(() => getComputedStyle(
		document.querySelector("button")).borderTopStyle);
	assert.equal(edge, "solid");
	await expectAccessible(page);
	await shoot(page, "login-forced-colors");
}

export async function nothing_moves_for_those_who_said_so() {
	const { page } = await open("login");

	await page.emulateMedia({ reducedMotion: "reduce" });
	const moving = await page.evaluate(() =>
		[...document.querySelectorAll("*")].filter((node) => {
			const style = getComputedStyle(node);
			return parseFloat(style.transitionDuration) > 0 ||
				style.animationName !== "none";
		}).length);
	assert.equal(moving, 0);
}

/* The fields are those that keepers of passwords look for, and no script or
 * attribute is in the way of pasting. */
export async function fields_are_what_password_managers_know() {
	const { page } = await open("login");

	assert.equal(await page.getAttribute("#user", "autocomplete"),
		     "username");
	assert.equal(await page.getAttribute("#password", "autocomplete"),
		     "current-password");
	await page.evaluate(() => document.querySelector("#password").focus());
	await page.keyboard.insertText("pasted password");
	assert.equal(await page.inputValue("#password"), "pasted password");
	const again = await open("step-up");
	assert.equal(await again.page.inputValue("input[autocomplete=username]"),
		     "max");
}

/* A screen reader that came late hears the error with the field, and of it in
 * the title. */
export async function an_error_is_told_to_those_who_listen() {
	const { page } = await open("login?hostile=1");

	assert.match(await page.title(), /^Error: /);
	assert.match(await page.getByRole("alert").innerText(),
		     /Try again in 2 minutes\.$/);
	const field = page.locator("#password");
	assert.equal(await field.getAttribute("aria-describedby"), "error");
	assert.equal(await field.getAttribute("aria-invalid"), "true");
	assert.equal(await page.evaluate(() => document.activeElement.id),
		     "password");
}
