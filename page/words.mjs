// words.mjs - figures, times and states as the page says them. Nothing here knows of the page or of the
// clock: what is needed is given, so that each can be tried by itself.

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NOTHING = "-";

const PHASES = {
	IDLE: "not dispatched",
	GENERATING: "its records are being generated",
	ENQUEUE_VIP: "VIP messages are being published",
	WAITING_VIP_DRAIN: "all VIP messages are published, not all are stored",
	ENQUEUE_NORMAL: "NORMAL messages are being published",
	WAITING_NORMAL_DRAIN: "all NORMAL messages are published, not all are stored",
	DONE: "all is stored",
	ABORTED: "cancelled",
	ERROR: "failed",
};

// 1234567 is 1,234,567.
export function count(number) {
	return Number.isFinite(number) ? number.toLocaleString("en") : NOTHING;
}

// Cut off, not rounded: 100.0 % means all.
export function percent(done, total) {
	if (!(total > 0))
		return "0.0 %";
	return `${(Math.floor(1000 * Math.min(done / total, 1)) / 10).toFixed(1)} %`;
}

// As campaign-monitor says it.
export function duration(ms) {
	if (!Number.isFinite(ms) || ms < 0)
		return NOTHING;
	if (ms < 2 * MINUTE_MS)
		return `${Math.floor(ms / SECOND_MS)} s`;
	if (ms < 2 * HOUR_MS)
		return `${Math.floor(ms / MINUTE_MS)} min`;
	if (ms < 2 * DAY_MS)
		return `${Math.floor(ms / HOUR_MS)} h`;
	return `${Math.floor(ms / DAY_MS)} days`;
}

// A time of the API in the time zone of whoever looks.
export function moment(iso) {
	const at = new Date(iso ?? NaN);

	if (Number.isNaN(at.getTime()))
		return NOTHING;
	const two = number => String(number).padStart(2, "0");
	return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `
		+ `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

// How many a second: what is left, by how long the API says that it takes. That is the pace of the last seconds;
// what does not move has none.
export function pace(run) {
	const left = run?.eta?.estimatedMs;
	const rest = run?.progress ? run.progress.target - run.progress.processedTotal : 0;

	if (!(left > 0) || !(rest > 0))
		return NOTHING;
	const rate = rest * SECOND_MS / left;
	return `${rate < 10 ? rate.toFixed(1) : count(Math.round(rate))}/s`;
}

export function timeLeft(run) {
	const left = run?.eta?.estimatedMs;

	return left === null || left === undefined ? NOTHING : duration(left);
}

export function phase(name) {
	return name ? `${name}: ${PHASES[name] ?? "unknown"}` : NOTHING;
}

// What the API has said about a refusal, in its own words, without the last full stop.
export function refusal({message, hint}) {
	return (hint ? `${message}. ${hint}` : String(message)).replace(/\.$/, "");
}

// Two sentences of one kind differ in their numbers only: "since 12 s", "since 13 s".
export function kindOf(sentence) {
	return sentence.replace(/\d[\d,.]*/g, "#");
}

// A proof as campaign_verify() answers it; elapsedMs: how long ago that was.
export function proof(answer, elapsedMs) {
	if (!answer)
		return NOTHING;
	if (answer.checked_at === null)
		return answer.reason ?? "nothing is proved yet";
	const age = `${duration(answer.age_seconds * SECOND_MS + elapsedMs)} ago`;
	const found = answer.ok
		? `MongoDB held exactly the ${count(answer.expected)} messages`
		: `MongoDB held something else: ${difference(answer)}`;
	return [`${found}, ${age}`, answer.fresh ? null : answer.reason].filter(Boolean).join("; ");
}

function difference({difference: first, expected, stored}) {
	if (!first)
		return `${count(stored)} messages instead of ${count(expected)}`;
	return [first.kind, first.class, first.seq].filter(word => word !== undefined && word !== null).join(" ");
}

// Of the tab: what runs, and what does not get on.
export function title(campaigns) {
	const running = campaigns.filter(one => ["queued", "publishing", "published"].includes(one.status));
	const stuck = running.filter(one => one.health?.isStuck);
	const parts = [running.length && `${running.length} running`, stuck.length && `${stuck.length} stuck`];

	return [parts.filter(Boolean).join(", "), "campaign"].filter(Boolean).join(" - ");
}
