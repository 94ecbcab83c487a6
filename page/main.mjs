// main.mjs - the page: somebody logs in, looks, gives orders, and logs out.
//
// The token is in memory only (api.mjs): a browser writes what is in sessionStorage to its disk, and any other page
// that somebody puts on this origin could read it. After a reload one logs in again.

import {Api, Outdated, Refused} from "./api.mjs";
import {Detail} from "./detail.mjs";
import {byId, setText} from "./elements.mjs";
import {List} from "./list.mjs";
import {wait} from "./model.mjs";
import {Watch} from "./watch.mjs";
import * as words from "./words.mjs";

const DONE = {pause: "paused", resume: "resumed", cancel: "cancelled"};

const api = new Api(new URL("../", import.meta.url));
const list = new List(choose);
const detail = new Detail({order, prove, back: () => byId("list-heading").focus()});
const busy = new Set();
let watch = null;
let timer = null;
let isLooking = false;
let looksAgain = false;
let failures = 0;
let notBefore = 0;
let answer = () => {};

// Logging in and out ---------------------------------------------------------------------------

function showLogIn(notice) {
	api.forget();
	clearTimeout(timer);
	watch = null;
	busy.clear();
	list.clear();
	detail.clear();
	for (const id of ["campaigns", "detail", "log-out"])
		byId(id).hidden = true;
	for (const id of ["who", "spoken", "unanswered", "question-text"])
		setText(byId(id), "");
	if (byId("question").open)
		byId("question").close();
	document.title = "campaign";
	setText(byId("notice"), notice);
	byId("log-in").hidden = false;
	byId(byId("email").value ? "password" : "email").focus();
}

async function logIn(event) {
	event.preventDefault();
	const button = byId("log-in").querySelector("button");

	button.disabled = true;
	setText(byId("notice"), "");
	try {
		await api.logIn(byId("email").value, byId("password").value);
	} catch (error) {
		setText(byId("notice"), `${words.refusal(error)}.`);
		byId("password").select();
		return;
	} finally {
		button.disabled = false;
	}
	byId("password").value = "";
	byId("log-in").hidden = true;
	byId("campaigns").hidden = false;
	byId("log-out").hidden = false;
	byId("list-heading").focus();
	watch = new Watch(api);
	failures = notBefore = 0;
	lookNow();
}

async function logOut() {
	const ended = api.logOut();

	byId("log-in").reset();
	showLogIn("You have logged out.");
	try {
		await ended;
	} catch (error) {
		// A token that is not valid any more has ended, too.
		if (error.status !== 401)
			setText(byId("notice"), `You have logged out here; the server was not told: ${words.refusal(error)}.`);
	}
}

// Looking --------------------------------------------------------------------------------------

function lookNow() {
	if (watch === null)
		return;
	clearTimeout(timer);
	if (isLooking)
		looksAgain = true;
	else
		timer = setTimeout(look, Math.max(notBefore - Date.now(), 0));
}

async function look() {
	const watched = watch;
	let askedForMs = 0;

	isLooking = true;
	looksAgain = false;
	try {
		await watched.look(Date.now(), () => show(watched));
		failures = 0;
	} catch (error) {
		askedForMs = error.retryAfterMs ?? 0;
		failed(watched, error);
	} finally {
		isLooking = false;
	}
	notBefore = Date.now() + askedForMs;
	if (watch !== null)
		timer = setTimeout(look, looksAgain ? askedForMs : wait(document.hidden, failures, askedForMs));
}

// What nobody has foreseen is a mistake of this page: it is shown as well, and does not end it.
function failed(watched, error) {
	if (error instanceof Outdated || watch !== watched)
		return;
	if (error instanceof Refused && error.status === 401) {
		showLogIn(`You are logged out: ${error.message}. Log in again.`);
		return;
	}
	failures++;
	watched.fail(error, Date.now());
	show(watched);
}

function show(watched) {
	if (watch !== watched)
		return;
	const {unanswered, selectedCampaign} = watched;
	const spoken = selectedCampaign?.health ? `${selectedCampaign.name}: ${selectedCampaign.health.reason}` : "";

	setText(byId("who"), watched.me?.email ?? "");
	list.show(watched);
	detail.show(watched, busy, Date.now());
	setText(byId("unanswered"), unanswered === null ? ""
		: `No new figures since ${words.moment(new Date(unanswered.since))}: ${words.refusal(unanswered.error)}. These are the last ones.`);
	if (words.kindOf(spoken) !== words.kindOf(byId("spoken").textContent))
		setText(byId("spoken"), spoken);
	document.title = words.title([...watched.campaigns.values()]);
}

function choose(id) {
	watch.select(id);
	show(watch);
	detail.focus();
	lookNow();
}

// Orders ---------------------------------------------------------------------------------------

async function order(verb) {
	const watched = watch;
	const {id, name} = watched.selectedCampaign;

	if (verb === "cancel" && !await isSure(name))
		return;
	await carriedOut(watched, id, `“${name}”: `, async () => {
		const status = await watched.order(id, verb);
		return status === "cancelled" || status === "paused" ? `${status}.` : `${DONE[verb]}, it is ${status}.`;
	});
}

async function prove() {
	const watched = watch;
	const {id, name} = watched.selectedCampaign;

	await carriedOut(watched, `proof ${id}`, `“${name}”: `, async () => {
		await watched.prove(id, Date.now());
		return `${words.proof(watched.details?.proof, 0)}.`;
	});
}

// Does something once, and says what became of it: nothing is tried again by itself.
async function carriedOut(watched, key, whose, work) {
	let said;

	if (busy.has(key) || watch !== watched)
		return;
	busy.add(key);
	setText(byId("notice"), `${whose}…`);
	show(watched);
	try {
		said = await work();
	} catch (error) {
		if (error instanceof Outdated || error.status === 401) {
			failed(watched, error);
			return;
		}
		said = error.status === 0 ? `${error.message}: look what became of it before you try again.` : `${words.refusal(error)}.`;
	} finally {
		busy.delete(key);
	}
	if (watch !== watched)
		return;
	setText(byId("notice"), whose + said);
	watched.hurry();
	show(watched);
	lookNow();
}

function isSure(name) {
	setText(byId("question-text"), `Cancel “${name}” for good? What was sent stays sent; the rest never will be.`);
	byId("question").showModal();
	return new Promise(resolve => {
		answer = resolve;
	});
}

byId("question").addEventListener("submit", event => answer(event.submitter.value === "yes"));
// By Escape, for example. It comes later: another question may have been asked meanwhile.
byId("question").addEventListener("close", () => byId("question").open || answer(false));

byId("log-in").addEventListener("submit", logIn);
byId("log-out").addEventListener("click", logOut);
document.addEventListener("visibilitychange", () => document.hidden || lookNow());
addEventListener("online", lookNow);
showLogIn("");
