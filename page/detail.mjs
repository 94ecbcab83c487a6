// detail.mjs - the selected campaign: what can be done with it, its figures by class, its proof, its senders and what
// has happened to it.

import {byId, element, setAttribute, setText} from "./elements.mjs";
import * as model from "./model.mjs";
import * as words from "./words.mjs";

const ORDERS = {pause: "Pause", resume: "Resume", cancel: "Cancel"};

export class Detail {
	#id = null;
	#heading = element("h2", {id: "detail-heading", tabindex: "-1"});
	#sentence = element("p", {class: "sentence"});
	#buttons = new Map();
	#facts = table("Progress");
	#times = element("dl", {class: "times"});
	#proof = element("p", {id: "proof"});
	#prove = element("button", {type: "button", id: "prove"}, "Prove it now");
	#senders = table("Senders");
	#runs = table("Runs");
	#events = element("ol", {id: "events", reversed: ""});
	#written = new Map();

	// order: called with a verb, prove and back without anything.
	constructor({order, prove, back}) {
		const away = element("button", {type: "button", class: "back"}, "Back to the list");
		const orders = element("div", {class: "orders", role: "group", "aria-label": "Orders"});

		for (const [verb, label] of Object.entries(ORDERS)) {
			const button = element("button", {type: "button", "data-order": verb, class: verb === "cancel" ? "danger" : ""}, label);
			button.addEventListener("click", () => order(verb));
			this.#buttons.set(verb, button);
			orders.append(button);
		}
		away.addEventListener("click", back);
		this.#prove.addEventListener("click", prove);
		byId("detail").replaceChildren(away, this.#heading, this.#sentence, orders, this.#facts.whole, this.#times,
			element("h3", {}, "Proof"), this.#proof, this.#prove, this.#senders.whole, this.#runs.whole,
			element("h3", {}, "Events"), this.#events);
	}

	focus() {
		this.#heading.focus();
		byId("detail").scrollIntoView({block: "nearest"});
	}

	// Whoever logs in next is somebody else.
	clear() {
		this.#id = null;
		this.#written.clear();
		for (const text of [this.#heading, this.#sentence, this.#proof])
			setText(text, "");
		for (const part of [this.#facts, this.#senders, this.#runs])
			part.set([], []);
		for (const list of [this.#times, this.#events])
			list.replaceChildren();
		byId("detail").removeAttribute("data-id");
	}

	// busy: an order to this campaign, or a proof of it, has no answer yet.
	show(watch, busy, now) {
		const campaign = watch.selectedCampaign;

		byId("detail").hidden = !campaign;
		if (!campaign)
			return;
		if (this.#id !== campaign.id) {
			this.#id = campaign.id;
			this.#written.clear();
		}
		setText(this.#heading, campaign.name);
		setAttribute(byId("detail"), "data-id", campaign.id);
		setText(this.#sentence, campaign.health?.reason ?? "");
		const possible = model.orders(campaign.status);
		for (const [verb, button] of this.#buttons)
			button.disabled = busy.has(campaign.id) || !possible[verb];
		this.#facts.set(["", "sent", "failed", "suppressed", "expired", "unknown", "done", "of"], progress(campaign));
		this.#write("times", this.#times, times(campaign), pairs);
		const known = watch.details?.id === campaign.id ? watch.details : null;
		this.#showDetails(known, now);
		this.#prove.disabled = busy.has(`proof ${campaign.id}`) || campaign.status === "draft";
	}

	#showDetails(details, now) {
		setText(this.#proof, details ? words.proof(details.proof, now - details.proofAt) : "");
		this.#senders.set(["name", "gateway", "", "sent", "failed", "last"], (details?.senders ?? []).map(sender => [
			sender.name, sender.gateway, sender.alive ? "alive" : "ended", words.count(sender.processed - sender.failed),
			words.count(sender.failed), words.moment(sender.last_at)]));
		this.#runs.set(["run", "status", "dispatched", "took", "done", "of"], (details?.runs ?? []).map(run => [
			run.lastRunId, run.status, words.moment(run.queuedAt), words.duration(run.totalTimeMs),
			words.count(run.progress?.processedTotal), words.count(run.progress?.target)]));
		this.#write("events", this.#events, [...(details?.logs ?? [])].reverse(), events);
	}

	// Makes children of what is told only if that has changed.
	#write(name, target, told, make) {
		const text = JSON.stringify(told);

		if (this.#written.get(name) === text)
			return;
		this.#written.set(name, text);
		target.replaceChildren(...make(told));
	}
}

function progress({figures}) {
	const rows = [...model.classes(figures), {name: "all", ...model.sums(figures)}];

	return rows.map(one => [one.name, ...[one.sent, one.failed, one.suppressed, one.expired, one.unknown, one.done, one.total]
		.map(words.count)]);
}

function times({run, figures, health}) {
	return [
		["phase", words.phase(run?.phase)],
		["health", health ? `${health.health} since ${words.moment(health.since)}` : "-"],
		["pace", words.pace(run)],
		["average", Number.isFinite(run?.throughput?.overall) ? `${words.count(Math.round(run.throughput.overall))}/s` : "-"],
		["time left", words.timeLeft(run)],
		["dispatched", words.moment(figures?.queued_at)],
		["sent", words.moment(figures?.sent_at)],
		["took so far", words.duration(run?.totalTimeMs)],
	];
}

function pairs(told) {
	return told.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
}

function events(told) {
	return told.map(({at, event, by, reason}) => element("li", {},
		element("time", {datetime: at}, words.moment(at)), " ", element("b", {}, event),
		by ? ` by ${by}` : "", reason ? `: ${reason}` : ""));
}

// A table that is not there while it has no rows.
function table(name) {
	const head = element("tr");
	const body = element("tbody");
	// Where there is no room for it, it is moved sideways by itself, with the keyboard as well.
	const whole = element("div", {class: "table", role: "region", "aria-label": name, tabindex: "0"},
		element("table", {id: name.toLowerCase()}, element("caption", {}, name), element("thead", {}, head), body));
	let written = "";

	whole.hidden = true;
	return {whole, set(columns, rows) {
		const text = JSON.stringify(rows);

		whole.hidden = rows.length === 0;
		if (written === text)
			return;
		written = text;
		head.replaceChildren(...columns.map(column => element("th", {scope: "col"}, column)));
		body.replaceChildren(...rows.map(([first, ...others]) => element("tr", {},
			element("th", {scope: "row"}, first), ...others.map(value => element("td", {}, value)))));
	}};
}
