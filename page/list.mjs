// list.mjs - the list of campaigns: a row for each, with its bars and the sentence of its health.

import {bar, byId, element, setAttribute, setChildren, setText} from "./elements.mjs";
import * as model from "./model.mjs";
import * as words from "./words.mjs";

export class List {
	#rows = new Map();
	#choose;

	// choose: called with the id of a campaign that somebody wants to see.
	constructor(choose) {
		this.#choose = choose;
	}

	clear() {
		this.#rows.clear();
		byId("rows").replaceChildren();
		setText(byId("sums"), "");
	}

	show(watch) {
		const campaigns = model.shown(watch.campaigns, watch.selected);
		const companies = new Map(watch.me?.companies.map(company => [company.id, company.name]));

		for (const id of this.#rows.keys())
			if (!watch.campaigns.has(id))
				this.#rows.delete(id);
		for (const campaign of campaigns) {
			if (!this.#rows.has(campaign.id))
				this.#rows.set(campaign.id, new Row(() => this.#choose(campaign.id)));
			this.#rows.get(campaign.id).show(campaign, campaign.id === watch.selected,
				companies.size > 1 ? companies.get(campaign.company_id) : "");
		}
		setChildren(byId("rows"), campaigns.map(campaign => this.#rows.get(campaign.id).item));
		setText(byId("sums"), sentence(campaigns));
	}
}

function sentence(campaigns) {
	const running = campaigns.filter(one => model.RUNNING.includes(one.status)).map(one => model.sums(one.figures ?? one));
	const sum = name => running.reduce((all, one) => all + one[name], 0);

	if (campaigns.length === 0)
		return "There are no campaigns yet.";
	if (running.length === 0)
		return "None is running.";
	return `${running.length} running: sent ${words.count(sum("sent"))} of ${words.count(sum("total"))}, `
		+ `failed ${words.count(sum("failed"))}`;
}

class Row {
	#button = element("button", {type: "button", class: "name"});
	#status = element("span", {class: "status"});
	#company = element("span", {class: "company"});
	#figures = element("span", {class: "figures"});
	#bars = element("div", {class: "bars"});
	#sentence = element("p", {class: "sentence"});
	#classes = new Map();

	item = element("li", {class: "row"},
		element("div", {class: "heading"}, this.#button, this.#status, this.#company, this.#figures), this.#bars, this.#sentence);

	constructor(choose) {
		this.#button.addEventListener("click", choose);
	}

	show(campaign, isSelected, company) {
		const {done, total} = model.sums(campaign.figures ?? campaign);

		setAttribute(this.item, "data-id", campaign.id);
		setAttribute(this.item, "data-health", state(campaign));
		setText(this.#button, campaign.name);
		setAttribute(this.#button, "aria-current", isSelected);
		setText(this.#status, campaign.status);
		setText(this.#company, company ?? "");
		setText(this.#figures, [words.percent(done, total), words.pace(campaign.run),
			`ETA ${words.timeLeft(campaign.run)}`].join("  "));
		setChildren(this.#bars, model.classes(campaign.figures).map(one => this.#bar(one)));
		setText(this.#sentence, campaign.health?.reason ?? "");
	}

	#bar({name, done, total}) {
		if (!this.#classes.has(name))
			this.#classes.set(name, bar(name));
		const shown = this.#classes.get(name);
		shown.set(done, total, `${words.count(done)} of ${words.count(total)}`);
		return shown.whole;
	}
}

// What decides about the colour: that it is over says more than that nothing is wrong.
function state(campaign) {
	if (campaign.status === "sent" || campaign.status === "failed" || campaign.status === "cancelled")
		return campaign.status;
	return campaign.health?.health ?? "unknown";
}
