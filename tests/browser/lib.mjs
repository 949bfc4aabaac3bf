/*
 * A person's browser for tests: Debian's Chromium by playwright-core, with all
 * that it complained of. playwright-core and axe-core are in the folder
 * $KR_BROWSER, the site is at $URL, pictures go to $KR_SHOTS if it is set.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.KR_BROWSER}/`);
const { chromium } = require("playwright-core");
const axe = require("axe-core");

export const site = process.env.URL;
export const phone = { width: 360, height: 740 };
export const desk = { width: 1280, height: 860 };
export { assert };

/* Nothing but this machine is asked for anything. */
const flags = [
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
	"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

let chrome;
const visitors = [];

export async function launch() {
	chrome = await chromium.launch({
		executablePath: process.env.KR_CHROMIUM ?? "/usr/bin/chromium",
		args: flags,
	});
}

export async function leave() {
	await chrome?.close();
}

/* Somebody with a browser of its own: cookies and pages are shared with
 * nobody. `friends` are origins beside the site's that it may ask. */
export async function visitor(options = {}, friends = []) {
	const context = await chrome.newContext({
		ignoreHTTPSErrors: true, // a certificate made for this test
		viewport: desk,
		...options,
	});
	const page = await context.newPage();
	const seen = { page, context, policy: [], errors: [], foreign: [],
		       friends };

	context.setDefaultTimeout(10000);
	watch(seen);
	visitors.push(seen);
	return page;
}

function watch(seen) {
	const { page } = seen;

	page.on("console", (message) => {
		if (/content.security.policy|refused to/i.test(message.text())) {
			seen.policy.push(message.text());
		} else if (message.type() === "error" &&
			   !message.text().startsWith("Failed to load resource")) {
			seen.errors.push(message.text());
		}
	});
	page.on("pageerror", (error) => seen.errors.push(String(error)));
	page.on("request", (request) => {
		if (![site, ...seen.friends].includes(
			new URL(request.url()).origin)) {
			seen.foreign.push(request.url());
		}
	});
}

/* What holds after every test, whatever it did. */
export function expectNoComplaints() {
	for (const { policy, errors, foreign } of visitors) {
		assert.deepEqual(policy, [], "the policy was violated");
		assert.deepEqual(errors, [], "scripts failed");
		assert.deepEqual(foreign, [], "another host was asked");
	}
}

/* ---- what is expected of a page ---- */

/* axe-core with all rules of WCAG 2.2 AA and its best practices. It comes in
 * through the debugger, so the page's policy need not allow it. */
export async function expectAccessible(page) {
	await page.evaluate(axe.source);
	const result = await page.evaluate(() => window.axe.run(document, {
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa",
			  "wcag22aa", "best-practice"],
	}));
	const found = result.violations.map((violation) =>
		[violation.id, violation.help,
		 ...violation.nodes.map((node) => `${node.html}\n${
			 node.failureSummary}`)].join("\n"));

	assert.ok(result.passes.length > 5, "axe looked at nothing");
	assert.deepEqual(found, [], page.url());
}

/* Nothing is wider than the window, and nothing hidden by that. */
export async function expectFits(page, width) {
	await page.setViewportSize({ width, height: 740 });
	const wide = await page.evaluate(() => {
		const width = document.documentElement.clientWidth;
		const out = [...document.querySelectorAll("body *")]
			.filter((node) => {
				const box = node.getBoundingClientRect();
				return !node.closest(".unseen") &&
					box.width > 1 && box.height > 1 &&
					(box.right > width + 0.5 || box.left < -0.5);
			})
			.map((node) => node.outerHTML.slice(0, 120));
		if (document.documentElement.scrollWidth > width) {
			out.push(`scrolls to ${
				document.documentElement.scrollWidth}`);
		}
		return out;
	});

	assert.deepEqual(wide, [], `${page.url()} at ${width} px`);
}

/* Targets are 24 px at least, unless they stand in a line of text (WCAG 2.2,
 * 2.5.8). */
export async function expectTargets(page) {
	const small = await page.evaluate(() =>
		[...document.querySelectorAll("button, input, summary, .button")]
			.filter((node) => node.type !== "hidden")
			.filter((node) => {
				const box = node.getBoundingClientRect();
				return box.width > 0 &&
					(box.width < 24 || box.height < 24);
			})
			.map((node) => node.outerHTML));

	assert.deepEqual(small, [], page.url());
}

/* Every page's headers, whatever its status. */
export function expectProtected(response) {
	const headers = response.headers();
	const policy = headers["content-security-policy"] ?? "";

	for (const part of ["default-src 'none'", "base-uri 'none'",
			    "frame-ancestors 'none'", "form-action"]) {
		assert.ok(policy.includes(part), `${part} in ${policy}`);
	}
	/* A form may lead to a host that the operator allowed, no more. */
	assert.match(policy, /form-action '(self|none)'( https:\/\/[a-z0-9.:-]+)?(;|$)/);
	assert.doesNotMatch(policy.replace(/form-action [^;]*/, ""),
			    /unsafe|\*|https?:|data:/);
	assert.equal(headers["x-content-type-options"], "nosniff");
	assert.match(headers["referrer-policy"], /^(no-referrer|same-origin)$/);
	assert.equal(headers["x-frame-options"], "DENY");
	return policy;
}

/* All that holds for a page in each scheme, on narrow and wide windows; the
 * pictures are for people. */
export async function expectSound(page, name) {
	for (const colorScheme of ["light", "dark"]) {
		// Colours on their way to others have no contrast of their own.
		await page.emulateMedia({ colorScheme,
					  reducedMotion: "reduce" });
		await page.setViewportSize(desk);
		await expectAccessible(page);
		await shoot(page, `${name}-${colorScheme}`);
		await page.setViewportSize(phone);
		await expectAccessible(page);
		await shoot(page, `${name}-${colorScheme}-phone`);
	}
	await expectTargets(page);
	for (const width of [320, 360, 768, 1920]) {
		await expectFits(page, width);
	}
	await page.emulateMedia({ colorScheme: "light" });
	await page.setViewportSize(desk);
}

export async function shoot(page, name) {
	const folder = process.env.KR_SHOTS;

	if (folder) {
		mkdirSync(folder, { recursive: true });
		await page.screenshot({ path: `${folder}/${name}.png`,
					fullPage: true });
	}
}

/* ---- the keyboard ---- */

/* What has the focus, in a few words. */
export function focused(page) {
	return page.evaluate(() => {
		const node = document.activeElement;
		return node.id || node.name || node.textContent.trim() ||
			node.tagName.toLowerCase();
	});
}

/* Whether what has the focus shows it. */
export async function expectFocusShown(page) {
	const outline = await page.evaluate(() => {
		const style = getComputedStyle(document.activeElement);
		return style.outlineStyle !== "none" &&
			parseFloat(style.outlineWidth) >= 2;
	});

	assert.ok(outline, `the focus on ${await focused(page)} is not shown`);
}

/* Tab until `wanted` has the focus; returns what had it on the way. */
export async function tabTo(page, wanted, most = 30) {
	const way = [];

	for (let i = 0; i < most; i++) {
		await page.keyboard.press("Tab");
		await expectFocusShown(page);
		way.push(await focused(page));
		if (way.at(-1) === wanted) {
			return way;
		}
	}
	assert.fail(`no ${wanted} among ${way.join(", ")}`);
}
