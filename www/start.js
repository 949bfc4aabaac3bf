/*
 * The start page with script: a form's answer is shown in its card, instead
 * of opening as a page. Text is set as text and never as markup, and how it
 * looks is start.css' alone.
 */
"use strict";

function line(name, text) {
	const span = document.createElement("span");

	span.className = name;
	span.textContent = text;
	return span;
}

/* The request that the browser would make of the form. */
function send(form) {
	const fields = new URLSearchParams(new FormData(form));
	const url = new URL(form.action);
	const options = { method: form.method, credentials: "same-origin" };

	if (form.method === "get") {
		url.search = fields;
	} else {
		options.body = fields;
	}
	return fetch(url, options);
}

async function ask(form, answer) {
	const begin = performance.now();

	try {
		const response = await send(form);
		const text = await response.text();
		const ms = Math.max(1, Math.round(performance.now() - begin));

		answer.replaceChildren(
			line(response.ok ? "status good" : "status bad",
			     `${response.status} in ${ms} ms`),
			line("body", text));
	} catch {
		answer.replaceChildren(
			line("status bad", "No answer"),
			line("body", "Is the server still there?"));
	}
}

for (const form of document.forms) {
	const answer = form.parentElement.querySelector("output");
	let last = Promise.resolve();

	/* One after the other: the last answer is that of the last press. */
	form.addEventListener("submit", (event) => {
		event.preventDefault();
		last = last.then(() => ask(form, answer));
	});
}
