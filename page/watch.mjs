// watch.mjs - what is known of the campaigns of somebody who is logged in, brought up to date look by look.
//
// Must never lose what it knows because nobody answers: the last figures stay, and it is said since when.

import * as model from "./model.mjs";
import {Refused} from "./api.mjs";

const ROW = "select=id,name,company_id,status,total,scheduled_at,queued_at,created_at,updated_at";
const MOVING = `campaigns?status=in.(queued,publishing,published,paused,scheduled)&${ROW}&limit=100`;
const UNMOVED = `campaigns?status=in.(draft,sent,failed,cancelled)&${ROW}&order=updated_at.desc,id&limit=40`;
const UNMOVED_MS = 10000;
const SIDE_BY_SIDE = 4;     // of the requests that an account may have at work at a time
const EVENTS = 50;

export class Watch {
	#api;
	#unmovedAt = -Infinity;

	me = null;
	campaigns = new Map();
	selected = null;
	details = null;
	// Since when there is no answer, and why; null: there is one.
	unanswered = null;

	constructor(api) {
		this.#api = api;
	}

	get selectedCampaign() {
		return this.campaigns.get(this.selected);
	}

	// What has to be asked although it was asked a moment ago.
	hurry() {
		this.#unmovedAt = -Infinity;
		this.details = this.details && {...this.details, at: -Infinity};
		for (const campaign of this.campaigns.values())
			campaign.stale ||= campaign.id === this.selected;
	}

	select(id) {
		this.selected = id;
	}

	// Asks for what is due. show: called whenever something is known that was not. Refused if the API says no.
	async look(now, show) {
		this.me ??= (await this.#api.read("me")).body;
		await this.#list(now);
		show();
		const due = model.chosen(model.shown(this.campaigns, this.selected), this.selected, now);
		await inTurns(due, SIDE_BY_SIDE, async campaign => {
			await this.#update(campaign.id, now);
			show();
		});
		await this.#detail(now);
		this.unanswered = null;
		show();
	}

	// Nobody has answered a look.
	fail(error, now) {
		this.unanswered = {since: this.unanswered?.since ?? now, error};
	}

	// Pause, resume or cancel: what the API makes of it. It is sent once, whatever becomes of it.
	async order(id, verb) {
		const figures = await this.#api.write(`campaigns/${id}/${verb}`);
		const campaign = this.campaigns.get(id);

		if (campaign)
			Object.assign(campaign, {status: figures.status, figures, stale: true});
		this.#unmovedAt = -Infinity;
		return figures.status;
	}

	// Has the consumer compare all messages now.
	async prove(id, now) {
		const {body} = await this.#api.read(`campaigns/${id}/verify`);

		if (this.details?.id === id)
			this.details = {...this.details, proof: body, proofAt: now};
	}

	async #list(now) {
		const {body: moving} = await this.#api.read(MOVING);
		let unmoved = null;

		if (now >= this.#unmovedAt + UNMOVED_MS || model.hasLeft(this.campaigns, moving)) {
			({body: unmoved} = await this.#api.read(UNMOVED));
			this.#unmovedAt = now;
		}
		this.campaigns = model.merged(this.campaigns, moving, unmoved);
	}

	async #update(id, now) {
		const {body: run, unchanged} = await this.#readOf(id, "run");
		const before = this.campaigns.get(id);

		if (!run || !before)
			return;
		const changes = {run, askedAt: now, stale: false};
		if (model.needsFigures(before, unchanged))
			changes.figures = (await this.#readOf(id, "status")).body;
		if (model.needsHealth(before, unchanged, now))
			Object.assign(changes, {health: (await this.#readOf(id, "health")).body, healthAt: now});
		// An order may have been carried out meanwhile: what it has answered is newer.
		const current = this.campaigns.get(id);
		if (current === undefined)
			return;
		if (current.stale && !before.stale)
			delete changes.stale;
		this.campaigns.set(id, {...current, ...changes});
	}

	async #detail(now) {
		const campaign = this.selectedCampaign;

		if (!campaign || !model.needsDetails(campaign, this.details, now))
			return;
		const {id, status} = campaign;
		const [logs, runs, senders, proof] = await Promise.all([`logs?lines=${EVENTS}`, "runs?rows=10", "senders", "verify?fresh=false"]
			.map(async what => (await this.#readOf(id, what)).body));
		// Somebody may have chosen another one meanwhile: its details come with the next look.
		if (this.selected === id)
			this.details = {id, status, at: now, logs, runs, senders, proof, proofAt: now};
	}

	// A campaign may be deleted at any moment: then there is nothing to say of it, and the next list is without it.
	async #readOf(id, what) {
		try {
			return await this.#api.read(`campaigns/${id}/${what}`);
		} catch (error) {
			if (!(error instanceof Refused) || ![403, 404].includes(error.status))
				throw error;
			this.#unmovedAt = -Infinity;
			return {body: null, unchanged: false};
		}
	}
}

// Work for each of the items, so many at a time. The first failure ends all of it.
async function inTurns(items, width, work) {
	const waiting = [...items];
	const worker = async () => {
		while (waiting.length > 0)
			await work(waiting.shift());
	};

	await Promise.all(Array.from({length: width}, worker));
}
