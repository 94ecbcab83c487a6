// words.test.mjs - R9.2: figures, times and states as the page says them. Run by test_functions.py, with node --test.

import assert from "node:assert/strict";
import test from "node:test";

import * as words from "../../page/words.mjs";

test("numbers have their thousands apart, and what is none is a dash", () => {
	assert.equal(words.count(1234567), "1,234,567");
	assert.equal(words.count(0), "0");
	for (const none of [undefined, null, NaN])
		assert.equal(words.count(none), "-");
});

test("100 % means all, and nothing is divided by nothing", () => {
	assert.equal(words.percent(999999, 1000000), "99.9 %");
	assert.equal(words.percent(1000000, 1000000), "100.0 %");
	assert.equal(words.percent(787, 1000), "78.7 %");
	assert.equal(words.percent(0, 0), "0.0 %");
	assert.equal(words.percent(7, 5), "100.0 %");
});

test("durations are those of campaign-monitor", () => {
	const told = [[0, "0 s"], [119999, "119 s"], [120000, "2 min"], [7199999, "119 min"], [7200000, "2 h"],
		[172800000, "2 days"], [-1, "-"], [NaN, "-"], [undefined, "-"]];

	for (const [ms, text] of told)
		assert.equal(words.duration(ms), text);
});

test("the pace is what is left by how long it takes", () => {
	const run = (estimatedMs, target, processedTotal) => ({eta: {estimatedMs}, progress: {target, processedTotal}});

	assert.equal(words.pace(run(10000, 100000, 20000)), "8,000/s");
	assert.equal(words.pace(run(10000, 100, 75)), "2.5/s");
	assert.equal(words.timeLeft(run(10000, 100, 75)), "10 s");
	for (const still of [run(null, 100, 75), run(0, 100, 75), run(1000, 100, 100), undefined])
		assert.equal(words.pace(still), "-");
	assert.equal(words.timeLeft(run(null, 100, 75)), "-");
	assert.equal(words.timeLeft(undefined), "-");
});

test("a time is that of whoever looks", () => {
	assert.match(words.moment("2030-01-31T12:34:56.789Z"), /^2030-0[12]-\d\d \d\d:\d4:56$/);
	for (const none of [null, undefined, "soon"])
		assert.equal(words.moment(none), "-");
});

test("a refusal is in the API's own words", () => {
	assert.equal(words.refusal({message: "e-mail address or password is wrong", hint: null}), "e-mail address or password is wrong");
	assert.equal(words.refusal({message: "service unavailable", hint: "Try again."}), "service unavailable. Try again");
});

test("sentences that differ in their numbers are of one kind", () => {
	assert.equal(words.kindOf("waiting for MongoDB since 12 s"), words.kindOf("waiting for MongoDB since 1,304 s"));
	assert.notEqual(words.kindOf("waiting for MongoDB since 12 s"), words.kindOf("it is being sent"));
});

test("a proof has its age, and says what it has found", () => {
	const answer = {ok: true, expected: 1000, stored: 1000, difference: null, checked_at: "2030-01-31T12:34:56Z",
		age_seconds: 60, fresh: true, reason: null};

	assert.equal(words.proof(answer, 5000), "MongoDB held exactly the 1,000 messages, 65 s ago");
	assert.equal(words.proof({...answer, ok: false, difference: {kind: "missing", class: "VIP", seq: 7}}, 0),
		"MongoDB held something else: missing VIP 7, 60 s ago");
	assert.equal(words.proof({...answer, ok: false, stored: 999}, 0),
		"MongoDB held something else: 999 messages instead of 1,000, 60 s ago");
	assert.equal(words.proof({...answer, fresh: false, reason: "ask again"}, 0),
		"MongoDB held exactly the 1,000 messages, 60 s ago; ask again");
	assert.equal(words.proof({...answer, ok: null, checked_at: null}, 0), "nothing is proved yet");
	assert.equal(words.proof({...answer, ok: null, checked_at: null, reason: "no consumer"}, 0), "no consumer");
	assert.equal(words.proof(null, 0), "-");
});

test("the tab says what runs and what is stuck", () => {
	const running = {status: "publishing", health: {isStuck: false}};

	assert.equal(words.title([]), "campaign");
	assert.equal(words.title([running, {status: "sent"}, {status: "queued"}]), "2 running - campaign");
	assert.equal(words.title([running, {status: "published", health: {isStuck: true}}]), "2 running, 1 stuck - campaign");
});

test("a phase has its name and what it means", () => {
	assert.equal(words.phase("DONE"), "DONE: all is stored");
	assert.equal(words.phase(undefined), "-");
});
