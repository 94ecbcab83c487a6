// model.mjs - what is known of the campaigns, in which order they stand, and what is to be asked next. Nothing
// here asks or shows anything: each function is given what it needs, the time too.

export const RUNNING = ["queued", "publishing", "published"];
export const OVER = ["sent", "failed", "cancelled"];
export const UNMOVED = ["draft", ...OVER];

export const VISIBLE_MS = 2000;
const HIDDEN_MS = 60000;
const MOST_MS = 60000;
const QUIET_MS = 4000;      // as long as the API takes to notice that nothing moves
const PAUSED_MS = 10000;
const STILL_MS = 60000;
const AT_A_TIME = 8;        // campaigns that one look asks about
const ENDED_SHOWN = 20;

const PLACES = {queued: 1, publishing: 1, published: 1, paused: 2, scheduled: 3, draft: 4, sent: 5, failed: 5, cancelled: 5};

const place = campaign => PLACES[campaign.status] ?? 6;
const time = iso => iso ? Date.parse(iso) : 0;

// As campaign-monitor has them: what runs, what is paused, what is scheduled; then drafts, and what has ended, the
// latest first.
export function inOrder(campaigns) {
	return [...campaigns].sort((a, b) => {
		if (place(a) !== place(b))
			return place(a) - place(b);
		if (place(a) >= PLACES.draft)
			return time(b.updated_at) - time(a.updated_at) || compare(a.id, b.id);
		if (a.status === "scheduled")
			return time(a.scheduled_at) - time(b.scheduled_at) || compare(a.id, b.id);
		return time(a.queued_at) - time(b.queued_at) || compare(a.id, b.id);
	});
}

function compare(a, b) {
	return a < b ? -1 : Number(a > b);
}

// The campaigns with the rows of a list in them. `all`: the list has those that do not move, too; what is in neither
// list any more is gone. A row that has changed makes stale what was known besides.
export function merged(known, moving, unmoved) {
	const listed = new Map([...(unmoved ?? []), ...moving].map(row => [row.id, row]));
	const campaigns = new Map();

	for (const [id, row] of listed) {
		const before = known.get(id);
		const changed = before?.status !== row.status || before?.updated_at !== row.updated_at;
		campaigns.set(id, {...before, ...row, stale: changed || before.stale});
	}
	for (const [id, before] of known)
		if (!listed.has(id) && unmoved === null && UNMOVED.includes(before.status))
			campaigns.set(id, before);
	return campaigns;
}

// Whether a campaign that moved is not among those that do any more: then the other list has changed as well.
export function hasLeft(known, moving) {
	const ids = new Set(moving.map(row => row.id));

	return [...known.values()].some(one => !UNMOVED.includes(one.status) && !ids.has(one.id));
}

// Of those that have ended only the latest, and the one that somebody looks at.
export function shown(campaigns, selected) {
	let ended = 0;

	return inOrder(campaigns.values()).filter(one =>
		!UNMOVED.includes(one.status) || ++ended <= ENDED_SHOWN || one.id === selected);
}

// How long what is known of a campaign may stand.
function patience(campaign, selected) {
	if (campaign.stale || RUNNING.includes(campaign.status) || campaign.run?.phase === "GENERATING")
		return 0;
	const still = campaign.status === "paused" ? PAUSED_MS : STILL_MS;
	return campaign.id === selected ? Math.min(still, PAUSED_MS) : still;
}

// The campaigns that this look asks about: the selected one first, then those that have waited longest.
export function chosen(campaigns, selected, now) {
	const asked = one => one.askedAt ?? -Infinity;

	return campaigns
		.filter(one => asked(one) + patience(one, selected) <= now)
		.sort((a, b) => (b.id === selected) - (a.id === selected) || compare(asked(a), asked(b)))
		.slice(0, AT_A_TIME);
}

// An answer that is 304 says that nothing has moved: then its figures stand, and the sentence is asked for as soon as
// something may be wrong.
export function needsFigures(campaign, unchanged) {
	return !unchanged || campaign.stale || !campaign.figures;
}

export function needsHealth(campaign, unchanged, now) {
	return needsFigures(campaign, unchanged) || !campaign.health || campaign.healthAt + QUIET_MS <= now;
}

// Events, senders and proof of the selected campaign.
export function needsDetails(campaign, details, now) {
	if (details?.id !== campaign.id || details.status !== campaign.status)
		return true;
	return details.at + (RUNNING.includes(campaign.status) ? PAUSED_MS : STILL_MS) <= now;
}

// Milliseconds until the next look. failures: looks in a row that got no answer; askedFor: what Retry-After has said.
export function wait(hidden, failures, askedForMs = 0) {
	const failing = failures > 0 ? Math.min(VISIBLE_MS * 2 ** failures, MOST_MS) : 0;

	return Math.max(hidden ? HIDDEN_MS : VISIBLE_MS, failing, askedForMs);
}

// Seconds or a date, as Retry-After may have it.
export function retryAfter(header, now) {
	if (!header)
		return 0;
	const ms = /^\d+$/.test(header) ? 1000 * Number(header) : Date.parse(header) - now;
	return ms > 0 ? ms : 0;
}

const NAMES = ["sent", "failed", "suppressed", "expired", "unknown"];

// What is done of a campaign, or of a class of it: what is not, nobody has to wait for any more.
export function sums(figures) {
	const found = Object.fromEntries(NAMES.map(name => [name, figures?.[name] ?? 0]));

	return {...found, total: figures?.total ?? 0, done: NAMES.reduce((sum, name) => sum + found[name], 0)};
}

// The classes that a campaign has, in the order in which they are sent.
export function classes(figures) {
	return ["VIP", "NORMAL"].filter(name => figures?.classes?.[name]?.total > 0)
		.map(name => ({name, ...sums(figures.classes[name])}));
}

// Which orders make sense: the API has the last word.
export function orders(status) {
	return {
		pause: RUNNING.includes(status),
		resume: status === "paused",
		cancel: status !== undefined && !OVER.includes(status),
	};
}
