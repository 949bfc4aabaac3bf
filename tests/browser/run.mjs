/*
 * Runs one test in a browser: run.mjs PAGES TEST [WORD...], where PAGES.mjs has
 * a function of that name, which is given the words. Ends with 1, and says why, when it fails.
 */
import { expectNoComplaints, launch, leave } from "./lib.mjs";

const [, , pages, name, ...words] = process.argv;
let status = 1;

try {
	const tests = await import(`./${pages}.mjs`);

	if (!Object.hasOwn(tests, name)) {
		throw new Error(`${pages}.mjs has no test ${name}`);
	}
	await launch();
	await tests[name](...words);
	expectNoComplaints();
	status = 0;
} catch (error) {
	console.error(error);
}
await leave();
process.exit(status);
