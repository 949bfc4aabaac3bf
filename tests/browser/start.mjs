/* krsessiond's start page in a browser: the tests of start_browser.bats. */
import {
	assert, desk, expectProtected, expectSound, phone, shoot, site, tabTo,
	visitor,
} from "./lib.mjs";

async function open(options) {
	const page = await visitor(options);
	const response = await page.goto(`${site}/`);

	assert.equal(response.status(), 200);
	expectProtected(response);
	return page;
}

/* Presses a card's button, and waits for its answer. */
async function press(page, path) {
	const card = page.locator("li", { has: page.locator(`h2:text-is("${path}")`) });
	const before = await card.locator("output").innerText();

	await Promise.all([
		page.waitForResponse((r) => new URL(r.url()).pathname === path),
		card.locator("button").click(),
	]);
	await card.locator("output .body").waitFor();
	return { card, before };
}

async function expectAnswer(page, path, status, body) {
	const { card } = await press(page, path);
	const answer = card.locator("output");

	await answer.locator(`.status:has-text("${status} in ")`).waitFor();
	assert.equal(await answer.locator(".body").innerText(), body);
}

export async function each_route_answers_in_its_card() {
	const page = await open();

	await expectAnswer(page, "/hello", 200, "Hello, Session World!");
	await expectAnswer(page, "/session/whoami", 401,
			   '{"error":"No active session or user not set"}');
	await expectAnswer(page, "/session/counter", 200,
			   '{"message":"Counter incremented","counter":1}');
	await expectAnswer(page, "/session/login", 200,
			   '{"message":"Logged in","user":"max"}');
	await expectAnswer(page, "/session/whoami", 200, '{"user":"max"}');
	await expectAnswer(page, "/session/set", 200,
			   '{"message":"Stored in session","key":"color",' +
			   '"value":"purple"}');
	await expectAnswer(page, "/session/get", 200,
			   '{"key":"color","value":"purple"}');
	await shoot(page, "start-answers");
	await page.setViewportSize(phone);
	await shoot(page, "start-answers-phone");
	await page.setViewportSize(desk);
	await expectAnswer(page, "/session/logout", 200,
			   '{"message":"Session cleared"}');
	await expectAnswer(page, "/session/get", 404,
			   `{"error":"Key 'color' not found in session"}`);
	assert.equal(page.url(), `${site}/`);
}

export async function an_answer_is_shown_as_text() {
	const page = await open();
	const name = "Zoë <img src=x onerror=alert(1)>";

	await page.fill("#user", name);
	await expectAnswer(page, "/session/login", 200,
			   `{"message":"Logged in","user":"${name}"}`);
	assert.equal(await page.locator("output img").count(), 0);
}

export async function presses_in_a_row_are_each_counted() {
	const page = await open();
	const button = page.locator('form[action="/session/counter"] button');

	await expectAnswer(page, "/session/counter", 200,
			   '{"message":"Counter incremented","counter":1}');
	for (let i = 0; i < 5; i++) {
		await button.click();
	}
	await page.locator('output .body:has-text("\\"counter\\":6")').waitFor();
}

export async function works_without_script() {
	const page = await open({ javaScriptEnabled: false });

	assert.match(await page.innerText("body"), /Without script/);
	await page.click("button:text-is('Count')");
	assert.match(await page.innerText("body"), /"counter":1/);
	await page.goto(`${site}/`);
	await page.fill("#user", "max");
	await page.click("button:text-is('Log in')");
	assert.match(await page.innerText("body"), /"user":"max"/);
	await page.goBack();
	await page.click("button:text-is('Who am I?')");
	assert.equal(new URL(page.url()).pathname, "/session/whoami");
	assert.match(await page.innerText("body"), /"user":"max"/);
	await page.goto(`${site}/`);
	await page.click("button:text-is('Store')");
	assert.match(await page.innerText("body"), /"value":"purple"/);
	await page.goto(`${site}/`);
	await page.click("button:text-is('Read')");
	assert.equal(new URL(page.url()).search, "?key=color");
	assert.match(await page.innerText("body"), /"value":"purple"/);
	await page.goto(`${site}/`);
	await page.click("button:text-is('Log out')");
	assert.match(await page.innerText("body"), /Session cleared/);
	await page.goto(`${site}/`);
	await page.click("button:text-is('Say hello')");
	assert.match(await page.innerText("body"), /Hello, Session World!/);
	await shoot(await open({ javaScriptEnabled: false, viewport: phone }),
		    "start-noscript-phone");
}

export async function is_sound_in_light_dark_and_at_each_width() {
	const page = await open();

	await expectSound(page, "start");
	await expectAnswer(page, "/session/counter", 200,
			   '{"message":"Counter incremented","counter":1}');
	await expectAnswer(page, "/session/get", 404,
			   `{"error":"Key 'color' not found in session"}`);
	await expectSound(page, "start-answered");
}

export async function the_keyboard_is_enough() {
	const page = await open();
	const way = await tabTo(page, "Log out");

	assert.deepEqual(way, ["Say hello", "Count", "user", "Log in", "Who am I?",
			       "set-key", "set-value", "Store", "get-key",
			       "Read", "Log out"]);
	await page.focus("#user");
	await page.keyboard.press("Control+a");
	await page.keyboard.type("keys");
	await page.keyboard.press("Enter");
	await page.locator('output .body:has-text("keys")').waitFor();
}

export async function an_answer_is_told_to_those_who_listen() {
	const page = await open();

	await expectAnswer(page, "/hello", 200, "Hello, Session World!");
	const output = page.locator("output").first();
	/* An output is a live region by itself (HTML-AAM). */
	assert.equal(await output.evaluate((node) => node.getAttribute(
		"aria-labelledby")), "hello");
	assert.equal(await page.getByRole("status").count() > 0, true);
}

export async function says_so_when_nobody_answers() {
	const page = await open();

	await page.context().setOffline(true);
	await page.click("button:text-is('Say hello')");
	await page.locator('.status:text-is("No answer")').waitFor();
	await page.context().setOffline(false);
	await expectAnswer(page, "/hello", 200, "Hello, Session World!");
}

export async function says_so_when_the_store_is_away() {
	const page = await open();

	await expectAnswer(page, "/session/counter", 503,
			   '{"error":"Session store unavailable"}');
	await expectAnswer(page, "/hello", 200, "Hello, Session World!");
}
