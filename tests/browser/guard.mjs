/*
 * krsession-guard before a site, as people use it: the tests of
 * guard_browser.bats, whose site is that of lib/doors.bash. A user's password
 * is the name and "-word".
 */
import { execFileSync } from "node:child_process";

import {
	assert, desk, expectFits, expectFocusShown, expectProtected,
	expectSound, focused, phone, shoot, site, tabTo, visitor,
} from "./lib.mjs";

const inside = "only-for-those-inside";
const firefox = {
	userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) " +
		"Gecko/20100101 Firefox/140.0",
};
const iphone = {
	userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) " +
		"AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 " +
		"Mobile/15E148 Safari/604.1",
	viewport: phone,
	isMobile: true,
	hasTouch: true,
};

function path(page) {
	const url = new URL(page.url());

	return url.pathname + url.search;
}

async function fill(page, user, password = `${user}-word`) {
	await page.fill("#user", user);
	await page.fill("#password", password);
	return submit(page);
}

/* Presses the form's button; returns the answer that the browser ends at. */
async function submit(page, button = "form button") {
	const [response] = await Promise.all([
		page.waitForNavigation(),
		page.click(button),
	]);

	return response;
}

/* Somebody who has signed in, and is at the page asked for. */
async function signedIn(user, options, aim = "/") {
	const page = await visitor(options);

	await page.goto(site + aim);
	await fill(page, user);
	assert.equal(path(page), aim);
	return page;
}

/* The login of a session becomes one of long ago. */
async function makeStale(page) {
	const cookies = await page.context().cookies();
	const { value } = cookies.find((c) => c.name === "__Host-krguard");
	const then = Math.floor(Date.now() / 1000) - 301;

	execFileSync("redis-cli", ["-s", `${process.env.STACK}/redis.sock`,
				   "hset", `krguard_${value.slice(0, 22)}`,
				   "@login", String(then)]);
}

async function expectInside(page) {
	assert.equal(await page.title(), inside, page.url());
}

async function expectAtLogin(page) {
	assert.equal(new URL(page.url()).pathname, "/auth/login");
	await page.locator("h1:text-is('Sign in')").waitFor();
}

/* ---- signing in ---- */

export async function login_leads_back_to_the_page_that_was_asked_for() {
	const aim = "/sub/index.html?a=1&b=%2F&c=%C3%AB#part";
	const page = await visitor();

	await page.goto(site + aim);
	await expectAtLogin(page);
	await fill(page, "max");
	await expectInside(page);
	assert.equal(path(page), aim.replace("#part", ""));
}

export async function the_login_page_is_sound() {
	const page = await visitor();
	const response = await page.goto(`${site}/`);

	expectProtected(response);
	assert.equal(response.status(), 200);
	await expectSound(page, "guard-login");
}

export async function a_wrong_password_is_said_and_can_be_put_right() {
	const page = await visitor();

	await page.goto(`${site}/sub/index.html?q=1`);
	const response = await fill(page, "max", "wrong");
	assert.equal(response.status(), 401);
	expectProtected(response);
	assert.match(await page.title(), /^Error: Sign in/);
	assert.ok((await page.getByRole("alert").innerText()).length > 5);
	assert.equal(await page.inputValue("#user"), "max");
	assert.equal(await page.inputValue("#password"), "");
	assert.equal(await focused(page), "password");
	await expectSound(page, "guard-wrong");
	await fill(page, "max");
	await expectInside(page);
	assert.equal(path(page), "/sub/index.html?q=1");
}

/* Wrong and unknown are not told apart. */
export async function an_unknown_name_is_as_a_wrong_password() {
	const said = [];

	for (const user of ["max", "nobody-of-that-name"]) {
		const page = await visitor();

		await page.goto(`${site}/`);
		await fill(page, user, "wrong");
		said.push(await page.getByRole("alert").innerText());
	}
	assert.equal(said[0], said[1]);
}

export async function too_many_tries_are_told_to_wait() {
	const page = await visitor();
	let response;

	await page.goto(`${site}/sub/index.html`);
	for (let i = 0; i < 6; i++) {
		response = await fill(page, "eve", "wrong");
	}
	assert.equal(response.status(), 429);
	expectProtected(response);
	assert.match(await page.getByRole("alert").innerText(),
		     /Try again in \d+ (minutes?|seconds?)\.$/);
	response = await fill(page, "eve");
	assert.equal(response.status(), 429, "the right one is let in");
	await expectSound(page, "guard-throttle");
	await page.goto(`${site}/sub/index.html`);
	await expectAtLogin(page);
}

export async function what_is_typed_in_is_text() {
	const page = await visitor();
	const name = `"><script>document.title='x'</script>`;

	await page.goto(`${site}/`);
	await fill(page, name, "wrong");
	assert.equal(await page.inputValue("#user"), name);
	assert.equal(await page.locator("script").count(), 0);
	assert.match(await page.title(), /^Error: Sign in/);
}

export async function an_aim_elsewhere_is_not_followed() {
	for (const rd of ["https://evil.example/", "//evil.example/",
			  "/\\evil.example", "javascript:alert(1)",
			  "/\t/evil.example"]) {
		const page = await visitor();

		await page.goto(`${site}/auth/login?rd=${
			encodeURIComponent(rd)}`);
		await fill(page, "max");
		assert.equal(new URL(page.url()).origin, site);
		await expectInside(page);
	}
}

/* Chromium holds the redirect after a form against the page's form-action. */
export async function an_allowed_host_is_gone_back_to() {
	const friend = site.replace("127.0.0.1", "localhost");
	const page = await visitor({}, [friend]);

	await page.goto(`${site}/auth/login?rd=${
		encodeURIComponent(`${friend}/sub/index.html`)}`);
	await fill(page, "max");
	assert.equal(new URL(page.url()).origin, friend);
}

export async function another_site_cannot_sign_anybody_in() {
	const page = await visitor();

	await page.setContent(`<form method="post" action="${site}/auth/login">
		<input name="user" value="eve"><input name="password"
		value="eve-word"><button>Win</button></form>`);
	const response = await submit(page);
	assert.equal(response.status(), 403);
	assert.deepEqual(await page.context().cookies(), []);
	expectProtected(response);
	await expectSound(page, "guard-cross-site");
}

/* ---- being signed in ---- */

export async function who_is_signed_in_is_greeted_at_the_login() {
	const page = await signedIn("max");

	await page.goto(`${site}/auth/login?rd=%2Fsub%2Findex.html`);
	await page.locator("h1:text-is('Welcome back')").waitFor();
	await expectSound(page, "guard-welcome");
	await submit(page, "a:text-is('Continue')");
	assert.equal(path(page), "/sub/index.html");
}

export async function a_place_for_others_says_no() {
	const page = await signedIn("max");
	const response = await page.goto(`${site}/admin/?a=<b>`);

	assert.equal(response.status(), 403);
	await page.locator("h1:text-is('No access')").waitFor();
	expectProtected(response);
	await expectSound(page, "guard-denied");
	const admin = await signedIn("ada");
	await admin.goto(`${site}/admin/`);
	assert.equal(await admin.title(), "only-for-admins");
}

export async function step_up_asks_for_the_password_and_leads_back() {
	const page = await signedIn("max");

	await makeStale(page);
	await page.goto(`${site}/fresh/?a=1&b=2`);
	assert.equal(new URL(page.url()).pathname, "/auth/step-up");
	await expectSound(page, "guard-step-up");
	await page.fill("#password", "wrong");
	const response = await submit(page);
	assert.equal(response.status(), 401);
	await page.getByRole("alert").waitFor();
	await page.fill("#password", "max-word");
	await submit(page);
	await expectInside(page);
	assert.equal(path(page), "/fresh/?a=1&b=2");
}

export async function logout_asks_and_then_is_one() {
	const page = await signedIn("max");

	await page.goto(`${site}/auth/logout`);
	await expectSound(page, "guard-logout");
	await submit(page);
	await page.getByRole("status").waitFor();
	await page.goto(`${site}/sub/index.html`);
	await expectAtLogin(page);
	await page.goto(`${site}/auth/logout`);
	await page.getByText("Nobody is signed in").waitFor();
	await expectSound(page, "guard-signed-out");
}

/* ---- the sessions of a user ---- */

function row(page, label) {
	return page.locator(".row", { hasText: label });
}

export async function a_session_that_another_browser_ends_is_over() {
	const here = await signedIn("ada", firefox);
	const there = await signedIn("ada", iphone);

	await here.goto(`${site}/auth/sessions`);
	await expectSound(here, "guard-sessions");
	await row(here, "Firefox").locator(".badge").waitFor();
	await there.goto(`${site}/sub/index.html`);
	await expectInside(there);
	await Promise.all([
		here.waitForNavigation(),
		row(here, "iPhone").getByRole("button", { name: /^End/ }).click(),
	]);
	await here.getByRole("status").waitFor();
	assert.equal(await row(here, "iPhone").count(), 0);
	await there.goto(`${site}/sub/index.html?next`);
	await expectAtLogin(there);
	await here.goto(`${site}/sub/index.html`);
	await expectInside(here);
}

export async function all_others_end_at_once() {
	const here = await signedIn("ada", firefox);
	const others = [];

	for (let i = 0; i < 3; i++) {
		others.push(await signedIn("ada", iphone));
	}
	await here.goto(`${site}/auth/sessions`);
	await submit(here, "button:text-is('End all others')");
	assert.equal(await here.locator(".row").count(), 1);
	assert.equal(await here.locator("form").count(), 0);
	await expectSound(here, "guard-sessions-alone");
	for (const page of others) {
		await page.goto(`${site}/`);
		await expectAtLogin(page);
	}
	await here.goto(`${site}/`);
	await expectInside(here);
}

export async function after_a_while_ending_wants_the_password_first() {
	const here = await signedIn("ada", firefox);
	const there = await signedIn("ada", iphone);

	await makeStale(here);
	await here.goto(`${site}/auth/sessions`);
	assert.equal(await here.getByRole("button", { name: /^End/ }).count(), 0);
	await expectSound(here, "guard-sessions-stale");
	await here.fill("#password", "ada-word");
	await submit(here);
	assert.equal(path(here), "/auth/sessions");
	await submit(here, "button:text-is('End all others')");
	await there.goto(`${site}/`);
	await expectAtLogin(there);
}

/* ---- other ways to use it ---- */

export async function the_keyboard_is_enough() {
	const page = await visitor();

	await page.goto(`${site}/sub/index.html`);
	assert.equal(await focused(page), "user");
	await expectFocusShown(page);
	await page.keyboard.type("max");
	await page.keyboard.press("Tab");
	assert.equal(await focused(page), "password");
	await expectFocusShown(page);
	await page.keyboard.type("max-word");
	await Promise.all([page.waitForNavigation(),
			   page.keyboard.press("Enter")]);
	await expectInside(page);
	await page.goto(`${site}/auth/login`);
	assert.deepEqual(await tabTo(page, "Sign out"),
			 ["Continue", "Your sessions", "Sign out"]);
	await Promise.all([page.waitForNavigation(),
			   page.keyboard.press("Enter")]);
	await tabTo(page, "Sign out");
	await Promise.all([page.waitForNavigation(),
			   page.keyboard.press("Enter")]);
	await page.getByRole("status").waitFor();
	await page.goto(`${site}/`);
	await expectAtLogin(page);
}

export async function a_phone_goes_all_the_way() {
	const page = await visitor(iphone);

	await page.goto(`${site}/sub/index.html?phone=1`);
	await shoot(page, "guard-phone-login");
	await page.locator("#user").tap();
	await page.keyboard.type("max");
	await page.locator("#password").tap();
	await page.keyboard.type("wrong");
	await Promise.all([page.waitForNavigation(),
			   page.locator("form button").tap()]);
	await expectFits(page, 360);
	await shoot(page, "guard-phone-wrong");
	await page.locator("#password").tap();
	await page.keyboard.type("max-word");
	await Promise.all([page.waitForNavigation(),
			   page.locator("form button").tap()]);
	await expectInside(page);
	assert.equal(path(page), "/sub/index.html?phone=1");
	await page.goto(`${site}/auth/sessions`);
	await expectFits(page, 360);
	await shoot(page, "guard-phone-sessions");
	await page.goto(`${site}/auth/logout`);
	await expectFits(page, 360);
	await Promise.all([page.waitForNavigation(),
			   page.locator("form button").tap()]);
	await page.goto(`${site}/sub/index.html`);
	await expectAtLogin(page);
}

export async function no_script_is_needed() {
	const page = await visitor({ javaScriptEnabled: false });
	const aim = "/sub/index.html?noscript=1";

	await page.goto(site + aim);
	await fill(page, "max", "wrong");
	await page.getByRole("alert").waitFor();
	await fill(page, "max");
	assert.equal(path(page), aim);
	await page.goto(`${site}/auth/sessions`);
	await page.locator("h1:text-is('Your sessions')").waitFor();
	await page.goto(`${site}/auth/logout`);
	await submit(page);
	await page.goto(site + aim);
	await expectAtLogin(page);
}

/* A page that is left stays nowhere: going back asks the guard again. */
export async function going_back_after_the_logout_shows_nothing() {
	const page = await signedIn("max");

	await page.goto(`${site}/auth/sessions`);
	await page.goto(`${site}/auth/logout`);
	await submit(page);
	await page.goBack();
	await page.goBack();
	assert.equal(await page.locator(".row").count(), 0);
}

/* ---- errors ---- */

export async function an_unknown_page_is_said_to_be_none() {
	const page = await visitor({ viewport: desk });
	const response = await page.goto(`${site}/auth/nowhere`);

	assert.equal(response.status(), 404);
	expectProtected(response);
	await expectSound(page, "guard-404");
}

export async function the_store_away_is_said_on_a_page() {
	const page = await visitor();
	const response = await page.goto(`${site}/auth/login`,
					 { waitUntil: "load" });

	/* The page itself needs no session; to sign in does. */
	const answer = response.status() === 503
		? response : await fill(page, "max");
	assert.equal(answer.status(), 503);
	expectProtected(answer);
	await page.locator("h1:text-is('Not available just now')").waitFor();
	await expectSound(page, "guard-503");
}
