// model.test.mjs - R9.2: what the page knows, in which order it shows it, and what it asks for next.
// Run by test_functions.py, with node --test.

import assert from "node:assert/strict";
import test from "node:test";

import * as model from "../../page/model.mjs";

const at = minute => `2030-01-31T12:${String(minute).padStart(2, "0")}:00Z`;
const ids = campaigns => campaigns.map(one => one.id).join("");
const known = (...rows) => new Map(rows.map(row => [row.id, row]));

test("what runs comes first, what has ended last, the latest of it first", () => {
	const campaigns = [
		{id: "a", status: "sent", updated_at: at(1)}, {id: "b", status: "failed", updated_at: at(3)},
		{id: "c", status: "draft", updated_at: at(2)}, {id: "d", status: "scheduled", scheduled_at: at(9)},
		{id: "e", status: "scheduled", scheduled_at: at(8)}, {id: "f", status: "paused", queued_at: at(1)},
		{id: "g", status: "publishing", queued_at: at(5)}, {id: "h", status: "queued", queued_at: at(4)},
		{id: "i", status: "published", queued_at: at(6)}];

	assert.equal(ids(model.inOrder(campaigns)), "hgifedcba");
	assert.equal(ids(model.inOrder([...campaigns].reverse())), ids(model.inOrder(campaigns)));
});

test("a row that has changed makes the rest stale, and nothing that is known is lost", () => {
	const before = known({id: "a", status: "queued", updated_at: at(1), figures: {sent: 5}, stale: false},
		{id: "b", status: "sent", updated_at: at(1), figures: {sent: 9}, stale: false});
	const same = model.merged(before, [{id: "a", status: "queued", updated_at: at(1)}], null);

	assert.deepEqual(same.get("a"), {id: "a", status: "queued", updated_at: at(1), figures: {sent: 5}, stale: false});
	assert.equal(same.get("b").figures.sent, 9, "what has ended stays without its list");
	const paused = model.merged(before, [{id: "a", status: "paused", updated_at: at(2)}], null).get("a");
	assert.deepEqual([paused.stale, paused.figures.sent, paused.status], [true, 5, "paused"]);
	assert.equal(model.merged(before, [], []).size, 0, "what is in no list is gone");
	assert.equal(model.merged(known(), [{id: "c", status: "queued"}], null).get("c").stale, true);
});

test("the other list is asked for when a campaign has left this one", () => {
	const before = known({id: "a", status: "publishing"}, {id: "b", status: "sent"});

	assert.equal(model.hasLeft(before, [{id: "a"}]), false);
	assert.equal(model.hasLeft(before, []), true);
});

test("a look asks about few campaigns, the selected one first, then those that have waited longest", () => {
	const campaigns = Array.from({length: 20}, (_, number) => ({id: `c${number}`, status: "publishing", askedAt: 100 - number}));
	const asked = model.chosen(campaigns, "c3", 1000);

	assert.equal(asked.length, 8);
	assert.deepEqual(asked.slice(0, 3).map(one => one.id), ["c3", "c19", "c18"]);
});

test("what does not move is asked about seldom, what is stale at once", () => {
	const still = {id: "a", status: "sent", askedAt: 0, stale: false};
	const isAsked = (campaign, selected, now) => model.chosen([campaign], selected, now).length === 1;

	assert.equal(isAsked(still, null, 59999), false);
	assert.equal(isAsked(still, null, 60000), true);
	assert.equal(isAsked(still, "a", 10000), true);
	assert.equal(isAsked({...still, stale: true}, null, 1), true);
	assert.equal(isAsked({...still, status: "paused"}, null, 10000), true);
	assert.equal(isAsked({...still, status: "draft", run: {phase: "GENERATING"}}, null, 1), true);
	assert.equal(isAsked({...still, askedAt: undefined}, null, 1), true);
});

test("an answer that has not changed costs no further question until something may be wrong", () => {
	const campaign = {figures: {}, health: {}, healthAt: 0, stale: false};

	assert.equal(model.needsFigures(campaign, true), false);
	assert.equal(model.needsFigures(campaign, false), true);
	assert.equal(model.needsFigures({...campaign, stale: true}, true), true);
	assert.equal(model.needsHealth(campaign, true, 3999), false);
	assert.equal(model.needsHealth(campaign, true, 4000), true);
	assert.equal(model.needsHealth(campaign, false, 1), true);
});

test("details are those of the campaign and of its status", () => {
	const details = {id: "a", status: "sent", at: 0};

	assert.equal(model.needsDetails({id: "a", status: "sent"}, details, 59999), false);
	assert.equal(model.needsDetails({id: "a", status: "sent"}, details, 60000), true);
	assert.equal(model.needsDetails({id: "b", status: "sent"}, details, 1), true);
	assert.equal(model.needsDetails({id: "a", status: "paused"}, details, 1), true);
	assert.equal(model.needsDetails({id: "a", status: "queued"}, {...details, status: "queued"}, 10000), true);
	assert.equal(model.needsDetails({id: "a", status: "sent"}, null, 1), true);
});

test("a page that nobody sees, or that nobody answers, asks less often", () => {
	assert.equal(model.wait(false, 0), 2000);
	assert.deepEqual([1, 2, 3, 9, 99].map(failures => model.wait(false, failures)), [4000, 8000, 16000, 60000, 60000]);
	assert.equal(model.wait(true, 0), 60000);
	assert.equal(model.wait(false, 1, 10000), 10000);
	assert.equal(model.wait(true, 1, 300000), 300000);
});

test("Retry-After is seconds or a date", () => {
	assert.equal(model.retryAfter("7", 0), 7000);
	assert.equal(model.retryAfter("Thu, 01 Jan 1970 00:00:10 GMT", 4000), 6000);
	for (const none of [null, "", "soon", "Thu, 01 Jan 1970 00:00:01 GMT"])
		assert.equal(model.retryAfter(none, 4000), 0);
});

test("done is what nobody has to wait for, of a campaign and of each class", () => {
	const figures = {total: 10, sent: 4, failed: 1, suppressed: 2, expired: 1, unknown: 1,
		classes: {NORMAL: {total: 7, sent: 1}, VIP: {total: 3, sent: 3}}};

	assert.equal(model.sums(figures).done, 9);
	assert.deepEqual(model.classes(figures).map(one => [one.name, one.done, one.total]), [["VIP", 3, 3], ["NORMAL", 1, 7]]);
	assert.deepEqual(model.classes({classes: {VIP: {total: 0}}}), []);
	assert.equal(model.sums(undefined).done, 0);
});

test("of what has ended only the latest are shown, and the selected one", () => {
	const campaigns = known(...Array.from({length: 30}, (_, number) => ({id: `c${number}`, status: "sent", updated_at: at(59 - number)})));

	assert.equal(model.shown(campaigns, null).length, 20);
	assert.equal(model.shown(campaigns, "c29").at(-1).id, "c29");
});

test("orders are those that the status allows", () => {
	assert.deepEqual(model.orders("publishing"), {pause: true, resume: false, cancel: true});
	assert.deepEqual(model.orders("paused"), {pause: false, resume: true, cancel: true});
	assert.deepEqual(model.orders("sent"), {pause: false, resume: false, cancel: false});
	assert.deepEqual(model.orders(undefined), {pause: false, resume: false, cancel: false});
});
